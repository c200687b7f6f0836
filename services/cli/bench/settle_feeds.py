"""The feeds that settlement reads during `bench settle`: a server that hands out what was laid out before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message

from hongbao.allocation.v1 import allocation_pb2
from hongbao.cards.v1 import cards_pb2
from hongbao.identity.v1 import person_feed_pb2
from services.cli.bench.settle_plan import FeedMessage
from services.cli.bench.workplace import free_port

_METHODS = {
    "allocation": ("hongbao.allocation.v1.StockService", "ReadEvents", allocation_pb2.ReadEventsRequest),
    "cards": ("hongbao.cards.v1.CardsShardService", "ReadEvents", cards_pb2.ReadEventsRequest),
    "identity": (
        "hongbao.identity.v1.PersonFeedService",
        "ReadPersons",
        person_feed_pb2.ReadPersonsRequest,
    ),
}
_RESPONSES: Mapping[str, type[Message]] = {
    "allocation": allocation_pb2.ReadEventsResponse,
    "cards": cards_pb2.ReadEventsResponse,
    "identity": person_feed_pb2.ReadPersonsResponse,
}


@dataclass(slots=True)
class Feed:
    """What one shard has to tell, and how much of it may be told by now."""

    messages: list[FeedMessage] = field(default_factory=list)
    told: int = 0
    """So many messages are open to readers."""


class FeedServer:
    """Answers readers of feeds from memory, and holds back what is not let go yet.

    The feed of identity is laid out for each shard that reads it.
    """

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._feeds: dict[tuple[str, int], Feed] = {}
        self._changed = asyncio.Condition()

    def lay_out(self, service: str, shard: int, messages: Sequence[FeedMessage]) -> None:
        """Adds to the end of a feed; nobody is told yet."""
        self._feeds.setdefault((service, shard), Feed()).messages.extend(messages)

    async def let_go(self, service: str) -> None:
        """Lets everybody read all that a service's feeds have so far."""
        async with self._changed:
            for (of, _), feed in self._feeds.items():
                if of == service:
                    feed.told = len(feed.messages)
            self._changed.notify_all()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serves until the block ends."""
        server = grpc.aio.server()
        for service, method in _METHODS.items():
            server.add_generic_rpc_handlers((self._handler(service, *method),))
        server.add_insecure_port(self.address)
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)

    def _handler(
        self, service: str, name: str, method_name: str, request_type: Any
    ) -> grpc.GenericRpcHandler:
        async def read_events(request: Any, context: Any) -> AsyncIterator[bytes]:  # noqa: ARG001 - gRPC's
            async for content in self._read(service, request.shard, request.after_seq):
                yield content

        # Without a serialiser, answers go out as the bytes that they are.
        method = grpc.unary_stream_rpc_method_handler(  # type: ignore[no-untyped-call]  # grpc has no types
            read_events, request_deserializer=request_type.FromString
        )
        handler: grpc.GenericRpcHandler = grpc.method_handlers_generic_handler(  # type: ignore[no-untyped-call]  # as above
            name, {method_name: method}
        )
        return handler

    async def _read(self, service: str, shard: int, after_seq: int) -> AsyncIterator[bytes]:
        feed = self._feeds.setdefault((service, shard), Feed())
        at = 0
        while True:
            while at < feed.told:
                message = feed.messages[at]
                at += 1
                if message.last_seq > after_seq:
                    yield _after(service, message, after_seq)
            async with self._changed:
                while at >= feed.told:
                    await self._changed.wait()


def _after(service: str, message: FeedMessage, after_seq: int) -> bytes:
    """A message without the records that the reader has."""
    if message.first_seq > after_seq:
        return message.content
    response: Any = _RESPONSES[service]()
    response.ParseFromString(message.content)
    del response.records[: after_seq + 1 - message.first_seq]
    content: bytes = response.SerializeToString()
    return content

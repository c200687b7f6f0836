"""Whom cards and settlement ask during `bench cards`, and who answers at once: that is other services' work.

Everybody is everybody's friend; nobody makes new friends, wins packets or signs up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from hongbao.social.v1 import social_pb2
from services.cli.bench.workplace import free_port

_SILENT_FEEDS = {
    "hongbao.allocation.v1.StockService": "ReadEvents",
    "hongbao.identity.v1.PersonFeedService": "ReadPersons",
}
_SOCIAL = "hongbao.social.v1.SocialService"


class Neighbours:
    """A server in the place of social, allocation and identity."""

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"

    @property
    def addresses(self) -> str:
        """As a setting of the services that call them."""
        return ",".join(f"{service}={self.address}" for service in ("social", "allocation", "identity"))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serves until the block ends."""
        server = grpc.aio.server()
        social = {
            "ReadEvents": _stream(_tell_nothing),
            "CheckFriends": _unary(_are_friends, social_pb2.CheckFriendsRequest),
            "CheckRelations": _unary(_are_related, social_pb2.CheckRelationsRequest),
        }
        services = {_SOCIAL: social} | {
            service: {method: _stream(_tell_nothing)} for service, method in _SILENT_FEEDS.items()
        }
        for service, methods in services.items():
            handler = grpc.method_handlers_generic_handler(service, methods)  # type: ignore[no-untyped-call]  # grpc has no types
            server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port(self.address)
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)


async def _tell_nothing(_request: Any, _context: Any) -> AsyncIterator[bytes]:
    """A feed in which nothing happens."""
    await asyncio.Event().wait()
    yield b""


async def _are_friends(request: social_pb2.CheckFriendsRequest, _context: Any) -> bytes:
    answer = social_pb2.CheckFriendsResponse(are_friends=[True] * len(request.other_person_ids))
    return answer.SerializeToString()


async def _are_related(request: social_pb2.CheckRelationsRequest, _context: Any) -> bytes:
    pairs = len(request.person_ids)
    answer = social_pb2.CheckRelationsResponse(are_friends=[True] * pairs, are_blocked=[False] * pairs)
    return answer.SerializeToString()


# Without a serialiser, answers go out as the bytes that they are.
def _stream(behaviour: Any) -> Any:
    return grpc.unary_stream_rpc_method_handler(behaviour)  # type: ignore[no-untyped-call]  # grpc has no types


def _unary(behaviour: Any, request_type: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(  # type: ignore[no-untyped-call]  # as above
        behaviour, request_deserializer=request_type.FromString
    )

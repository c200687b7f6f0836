"""Messages behind the gateway's contract: social's, with the caller as whoever acts.

The two contracts are the same, field by field, but for the person, which the gateway's lacks: what is not
looked at here is passed on as it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from hongbao.gateway.v1 import message_pb2 as gateway_pb2
from hongbao.social.v1 import message_pb2 as social_pb2
from hongbao.social.v1 import message_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding
from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError

_SERVICE = "social"
_MESH = ServiceError.domain
_ATTEMPTS_MAX = 5
"""Attempts to go on with a stream that broke, one after the other without an answer in between."""


class MessageClient:
    """Messages of the caller. Raises social's errors as they are."""

    def __init__(
        self, forwarding: Forwarding, clock: Clock, *, backoff_ms_min: int, backoff_ms_max: int
    ) -> None:
        self._forwarding = forwarding
        self._clock = clock
        self._backoff_ms_min = backoff_ms_min
        self._backoff_ms_max = backoff_ms_max

    async def send(self, person_id: int, request: Any) -> Any:
        """See `MessageService.SendMessage`."""
        asked = social_pb2.SendMessageRequest.FromString(request.SerializeToString())
        asked.sender_person_id = person_id
        return await self._call("SendMessage", asked, gateway_pb2.SendMessageResponse)

    async def read_inbox(self, person_id: int, request: Any) -> Any:
        """See `MessageService.ReadInbox`."""
        asked = _asked(social_pb2.ReadInboxRequest, person_id, request)
        return await self._call("ReadInbox", asked, gateway_pb2.ReadInboxResponse)

    async def list_messages(self, person_id: int, request: Any) -> Any:
        """See `MessageService.ListMessages`."""
        asked = _asked(social_pb2.ListMessagesRequest, person_id, request)
        return await self._call("ListMessages", asked, gateway_pb2.ListMessagesResponse)

    async def list_conversations(self, person_id: int, request: Any) -> Any:
        """See `MessageService.ListConversations`."""
        asked = _asked(social_pb2.ListConversationsRequest, person_id, request)
        return await self._call("ListConversations", asked, gateway_pb2.ListConversationsResponse)

    async def mark_read(self, person_id: int, request: Any) -> Any:
        """See `MessageService.MarkRead`."""
        asked = _asked(social_pb2.MarkReadRequest, person_id, request)
        return await self._call("MarkRead", asked, gateway_pb2.MarkReadResponse)

    async def watch(self, person_id: int, request: Any) -> AsyncGenerator[Any]:
        """See `MessageService.WatchInbox`. When a member of social goes, another one goes on where it was."""
        asked = _asked(social_pb2.WatchInboxRequest, person_id, request)
        backoff, failures = Backoff(self._backoff_ms_min, self._backoff_ms_max), 0
        while True:
            try:
                async for answer in self._stream(asked):
                    failures = 0
                    backoff.reset()
                    if answer.entries:
                        asked.after_inbox_seq = answer.entries[-1].inbox_seq
                    yield gateway_pb2.WatchInboxResponse.FromString(answer.SerializeToString())
            except ServiceError as failure:
                failures += 1
                is_gone = failure.kind is ErrorKind.UNAVAILABLE and failure.domain == _MESH
                if not is_gone or failures >= _ATTEMPTS_MAX:
                    raise
            await self._clock.sleep(backoff.next_s())

    async def _stream(self, asked: Any) -> AsyncIterator[Any]:
        channel = await self._forwarding.member(_SERVICE)
        async for answer in message_pb2_grpc.MessageServiceStub(channel).WatchInbox(asked):
            yield answer

    async def _call(self, method: str, asked: Any, answered: Any) -> Any:
        answer = await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(message_pb2_grpc.MessageServiceStub(channel), method)(
                asked, timeout=timeout_s
            ),
        )
        return answered.FromString(answer.SerializeToString())


def _asked(kind: Any, person_id: int, request: Any) -> Any:
    asked = kind.FromString(request.SerializeToString())
    asked.person_id = person_id
    return asked

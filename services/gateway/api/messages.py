"""What the caller tells others, and is told."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from hongbao.gateway.v1 import message_pb2_grpc
from services.gateway.api.callers import AUTHORIZATION_KEY, caller_of, header_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.inboxes import Inboxes
from services.gateway.domain.messages import Messages
from services.gateway.domain.pace import LanePace
from services.gateway.domain.ports import Tokens
from services.mesh.clock import Clock
from services.mesh.feed.until import until


class MessageServicer(message_pb2_grpc.MessageServiceServicer):
    """The caller's messages."""

    def __init__(
        self,
        tokens: Tokens,
        pace: LanePace,
        messages: Messages,
        limit: Bulkhead,
        inboxes: Inboxes,
        clock: Clock,
        *,
        look_ms: int,
    ) -> None:
        """`look_ms` is how often it is looked whether the token of a stream is still good."""
        self._tokens = tokens
        self._pace = pace
        self._messages = messages
        self._limit = limit
        self._inboxes = inboxes
        self._clock = clock
        self._look_s = look_ms / 1000

    async def SendMessage(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._messages.send(caller.person_id, request)

    async def ReadInbox(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._messages.read_inbox(caller.person_id, request)

    async def WatchInbox(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        header = header_of(context, AUTHORIZATION_KEY)
        with self._inboxes.entered(caller.person_id):
            while True:
                async with aclosing(self._messages.watch(caller.person_id, request)) as stream:
                    async for answer in until(self._in_doubt(header), stream):
                        if answer.entries:
                            request.after_inbox_seq = answer.entries[-1].inbox_seq
                        yield answer
                # Raises, unless the token was only forgotten.
                await self._tokens.verify(header)

    async def ListMessages(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._messages.list_messages(caller.person_id, request)

    async def ListConversations(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._messages.list_conversations(caller.person_id, request)

    async def MarkRead(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._messages.mark_read(caller.person_id, request)

    async def _in_doubt(self, header: str) -> None:
        """Returns when the token is not known to be good any more."""
        while self._tokens.known(header) is not None:
            await self._clock.sleep(self._look_s)

"""Packets from person to person."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import envelope_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.pace import LanePace
from services.gateway.domain.ports import Envelopes, Tokens


class EnvelopeServicer(envelope_pb2_grpc.EnvelopeServiceServicer):
    """The caller's envelopes and asks."""

    def __init__(self, tokens: Tokens, pace: LanePace, envelopes: Envelopes, limit: Bulkhead) -> None:
        self._tokens = tokens
        self._pace = pace
        self._envelopes = envelopes
        self._limit = limit

    async def SendEnvelope(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.send(caller.person_id, request)

    async def ReissuePacket(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.reissue(caller.person_id, request)

    async def ClaimEnvelope(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.claim(caller.person_id, request)

    async def GetEnvelope(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.get(caller.person_id, request)

    async def ListEnvelopes(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.list_sent(caller.person_id, request)

    async def MakeAsk(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.make_ask(caller.person_id, request)

    async def AnswerAsk(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.answer_ask(caller.person_id, request)

    async def DeclineAsk(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.decline_ask(caller.person_id, request)

    async def GetAsk(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.get_ask(caller.person_id, request)

    async def ListAsks(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._envelopes.list_asks(caller.person_id, request)

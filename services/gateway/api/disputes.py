"""What the caller says is wrong."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import dispute_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.ports import Disputes, Tokens


class DisputeServicer(dispute_pb2_grpc.DisputeServiceServicer):
    """The caller's disputes."""

    def __init__(self, tokens: Tokens, disputes: Disputes, money: Bulkhead) -> None:
        self._tokens = tokens
        self._disputes = disputes
        self._money = money

    async def OpenDispute(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._disputes.open(caller.person_id, request)

    async def AddEvidence(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._disputes.add_evidence(caller.person_id, request)

    async def WithdrawDispute(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._disputes.withdraw(caller.person_id, request)

    async def GetDispute(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._disputes.get(caller.person_id, request)

    async def ListDisputes(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._disputes.list_of_person(caller.person_id, request)

"""The caller's money."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.ports import Money, Tokens


class WalletServicer(gateway_pb2_grpc.WalletServiceServicer):
    """The caller's money."""

    def __init__(self, tokens: Tokens, money: Money, others: Bulkhead) -> None:
        self._tokens = tokens
        self._money = money
        self._others = others

    async def GetWallet(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - the token says whose
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._money.get_wallet(caller.person_id)

"""The caller's money."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2_grpc
from services.gateway.api.callers import caller_of, header_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.ports import Tokens, Wallets
from services.mesh.language import LANGUAGE_KEY


class WalletServicer(gateway_pb2_grpc.WalletServiceServicer):
    """The caller's money."""

    def __init__(self, tokens: Tokens, wallets: Wallets, money: Bulkhead, others: Bulkhead) -> None:
        self._tokens = tokens
        self._wallets = wallets
        self._money = money
        self._others = others

    async def GetWallet(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - the token says whose
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._wallets.get_wallet(caller.person_id)

    async def RequestWithdrawal(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._wallets.request_withdrawal(
                caller.person_id, request, header_of(context, LANGUAGE_KEY)
            )

    async def GetWithdrawal(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._wallets.get_withdrawal(
                caller.person_id, request, header_of(context, LANGUAGE_KEY)
            )

    async def ListWithdrawals(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._wallets.list_withdrawals(
                caller.person_id, request, header_of(context, LANGUAGE_KEY)
            )

    async def ListEntries(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._money.entered():
            return await self._wallets.list_entries(
                caller.person_id, request, header_of(context, LANGUAGE_KEY)
            )

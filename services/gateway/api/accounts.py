"""Accounts and who is behind them, for people who prove themselves with their login secret."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2_grpc
from services.gateway.api.callers import header_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.ports import Accounts
from services.mesh.language import LANGUAGE_KEY


class AccountServicer(gateway_pb2_grpc.AccountServiceServicer):
    """Opens and proves accounts, and keeps bank cards; every call brings the account's login secret."""

    def __init__(self, identity: Accounts, others: Bulkhead) -> None:
        self._identity = identity
        self._others = others

    async def Register(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.register(request, header_of(context, LANGUAGE_KEY))

    async def VerifyPerson(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.verify_person(request, header_of(context, LANGUAGE_KEY))

    async def GetCase(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.get_case(request, header_of(context, LANGUAGE_KEY))

    async def IssueToken(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.issue_token(request, header_of(context, LANGUAGE_KEY))

    async def BindCard(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.bind_card(request, header_of(context, LANGUAGE_KEY))

    async def ListCards(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.list_cards(request, header_of(context, LANGUAGE_KEY))

    async def UnbindCard(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.unbind_card(request, header_of(context, LANGUAGE_KEY))

"""Verification step by step, for people who prove themselves with their login secret."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import verification_pb2_grpc
from services.gateway.api.callers import header_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.verifications import Verifications
from services.mesh.language import LANGUAGE_KEY


class VerificationServicer(verification_pb2_grpc.VerificationServiceServicer):
    """The applications of an account, and the accounts of its person."""

    def __init__(self, verifications: Verifications, others: Bulkhead) -> None:
        self._verifications = verifications
        self._others = others

    async def StartVerification(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._verifications.start(request, header_of(context, LANGUAGE_KEY))

    async def PutNameAndNumber(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._verifications.put_name_and_number(request, header_of(context, LANGUAGE_KEY))

    async def PutPhoto(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._verifications.put_photo(request, header_of(context, LANGUAGE_KEY))

    async def PutBankCard(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._verifications.put_bank_card(request, header_of(context, LANGUAGE_KEY))

    async def SubmitVerification(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._verifications.submit(request, header_of(context, LANGUAGE_KEY))

    async def GetVerification(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._verifications.get(request, header_of(context, LANGUAGE_KEY))

    async def ListVerifications(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._verifications.list_of_account(request, header_of(context, LANGUAGE_KEY))

    async def ListAccounts(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._verifications.list_accounts(request, header_of(context, LANGUAGE_KEY))

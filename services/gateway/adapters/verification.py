"""Verification step by step behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from hongbao.gateway.v1 import verification_pb2 as gateway_pb2
from hongbao.identity.v1 import verification_pb2 as identity_pb2
from hongbao.identity.v1 import verification_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.retelling import asked, retold
from services.mesh.language import LANGUAGE_KEY

_SERVICE = "identity"


class VerificationClient:
    """Applications for verification. Raises identity's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def start(self, request: Message, language: str) -> Message:
        """See `VerificationService.StartVerification`."""
        answer = await self._call(
            "StartVerification", asked(identity_pb2.StartVerificationRequest, request), language
        )
        return retold(gateway_pb2.StartVerificationResponse, answer)

    async def put_name_and_number(self, request: Message, language: str) -> Message:
        """See `VerificationService.PutNameAndNumber`."""
        answer = await self._call(
            "PutNameAndNumber", asked(identity_pb2.PutNameAndNumberRequest, request), language
        )
        return retold(gateway_pb2.PutNameAndNumberResponse, answer)

    async def put_photo(self, request: Message, language: str) -> Message:
        """See `VerificationService.PutPhoto`."""
        answer = await self._call("PutPhoto", asked(identity_pb2.PutPhotoRequest, request), language)
        return retold(gateway_pb2.PutPhotoResponse, answer)

    async def put_bank_card(self, request: Message, language: str) -> Message:
        """See `VerificationService.PutBankCard`."""
        answer = await self._call("PutBankCard", asked(identity_pb2.PutBankCardRequest, request), language)
        return retold(gateway_pb2.PutBankCardResponse, answer)

    async def submit(self, request: Message, language: str) -> Message:
        """See `VerificationService.SubmitVerification`."""
        answer = await self._call(
            "SubmitVerification", asked(identity_pb2.SubmitVerificationRequest, request), language
        )
        return retold(gateway_pb2.SubmitVerificationResponse, answer)

    async def get(self, request: Message, language: str) -> Message:
        """See `VerificationService.GetVerification`."""
        answer = await self._call(
            "GetVerification", asked(identity_pb2.GetVerificationRequest, request), language
        )
        return retold(gateway_pb2.GetVerificationResponse, answer)

    async def list_of_account(self, request: Message, language: str) -> Message:
        """See `VerificationService.ListVerifications`."""
        answer = await self._call(
            "ListVerifications", asked(identity_pb2.ListVerificationsRequest, request), language
        )
        return retold(gateway_pb2.ListVerificationsResponse, answer)

    async def list_accounts(self, request: Message, language: str) -> Message:
        """See `VerificationService.ListAccounts`."""
        answer = await self._call("ListAccounts", asked(identity_pb2.ListAccountsRequest, request), language)
        return retold(gateway_pb2.ListAccountsResponse, answer)

    async def _call(self, method: str, request: Message, language: str) -> Any:
        metadata = ((LANGUAGE_KEY, language),) if language else ()
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(
                verification_pb2_grpc.VerificationServiceStub(channel), method
            )(request, timeout=timeout_s, metadata=metadata),
        )

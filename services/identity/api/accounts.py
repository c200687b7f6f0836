"""The contract of accounts in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.identity.v1 import identity_pb2
from hongbao.identity.v1.identity_pb2_grpc import IdentityServiceServicer
from services.identity.api.case_messages import case_shown
from services.identity.api.languages import language_asked
from services.identity.domain.people import Account, AccountId, CaseNumber, Tier
from services.identity.domain.ports import VerifyingKey
from services.identity.domain.registration import Registration
from services.identity.domain.sessions.login import Login
from services.identity.domain.verification import Verification
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import timestamp


class IdentityApi(IdentityServiceServicer):
    """Serves `hongbao.identity.v1.IdentityService`."""

    def __init__(
        self,
        registration: Registration,
        login: Login,
        verification: Verification,
        keys: Sequence[VerifyingKey],
    ) -> None:
        self._registration = registration
        self._login = login
        self._verification = verification
        self._public_keys = identity_pb2.GetPublicKeysResponse(
            keys=[identity_pb2.PublicKey(key_id=key.key_id, ed25519_public_key=key.raw) for key in keys]
        )

    async def Register(
        self, request: identity_pb2.RegisterRequest, _context: Any
    ) -> identity_pb2.RegisterResponse:
        """See the contract."""
        registered = await self._registration.register(
            request.request_id, request.phone, request.display_name
        )
        return identity_pb2.RegisterResponse(
            account_id=registered.account_id, login_secret=registered.login_secret
        )

    async def VerifyPerson(
        self, request: identity_pb2.VerifyPersonRequest, context: Any
    ) -> identity_pb2.VerifyPersonResponse:
        """See the contract."""
        verified = await self._verification.verify(
            AccountId(request.account_id),
            request.login_secret,
            request.name,
            request.resident_id,
            language_asked(context),
            traceparent(),
        )
        return identity_pb2.VerifyPersonResponse(
            person_id=verified.person.person_id,
            tier=tier_shown(verified.person.tier),
            merged_person_id=verified.merged_id or 0,
        )

    async def IssueToken(
        self, request: identity_pb2.IssueTokenRequest, _context: Any
    ) -> identity_pb2.IssueTokenResponse:
        """See the contract."""
        tokens = await self._login.issue(AccountId(request.account_id), request.login_secret)
        return identity_pb2.IssueTokenResponse(
            access_token=tokens.access,
            expires_at=Timestamp(seconds=tokens.access_expires_s),
            refresh_token=tokens.refresh,
            refresh_expires_at=timestamp(tokens.refresh_expires_ms),
            session_id=tokens.session_id,
        )

    async def GetPublicKeys(
        self, _request: identity_pb2.GetPublicKeysRequest, _context: Any
    ) -> identity_pb2.GetPublicKeysResponse:
        """See the contract."""
        return self._public_keys

    async def GetAccount(
        self, request: identity_pb2.GetAccountRequest, _context: Any
    ) -> identity_pb2.GetAccountResponse:
        """See the contract."""
        account = await self._registration.account(AccountId(request.account_id))
        return identity_pb2.GetAccountResponse(account=_account(account))

    async def GetCase(
        self, request: identity_pb2.GetCaseRequest, context: Any
    ) -> identity_pb2.GetCaseResponse:
        """See the contract."""
        case = await self._registration.case(
            AccountId(request.account_id), request.login_secret, CaseNumber(request.case_number)
        )
        return identity_pb2.GetCaseResponse(case=case_shown(case, language_asked(context)))


def _account(account: Account) -> identity_pb2.Account:
    shown = identity_pb2.Account(
        account_id=account.account_id,
        display_name=account.display_name,
        phone_masked=account.phone_masked,
        provisional_person_id=account.provisional_id or 0,
        registered_at=timestamp(account.registered_ms),
    )
    if account.person is not None:
        shown.person_id = account.person.person_id
        shown.tier = tier_shown(account.person.tier)
        shown.name_masked = account.person.name.masked
        shown.resident_id_masked = account.person.resident_id.masked
    if account.verified_ms is not None:
        shown.verified_at.CopyFrom(timestamp(account.verified_ms))
    return shown


def tier_shown(tier: Tier) -> identity_pb2.Tier.ValueType:
    """The tier in the contract."""
    return identity_pb2.Tier.ValueType(tier)

"""Identity behind the gateway's contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hongbao.gateway.v1 import gateway_pb2
from hongbao.identity.v1 import errors_pb2, identity_pb2, identity_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding
from services.mesh.language import LANGUAGE_KEY

_SERVICE = "identity"


class IdentityClient:
    """Accounts, people and tokens. Raises identity's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def register(self, request: Any, language: str) -> Any:
        """See `AccountService.Register`."""
        asked = identity_pb2.RegisterRequest(
            request_id=request.request_id, phone=request.phone, display_name=request.display_name
        )
        answer = await self._call("Register", asked, language)
        return gateway_pb2.RegisterResponse(account_id=answer.account_id, login_secret=answer.login_secret)

    async def verify_person(self, request: Any, language: str) -> Any:
        """See `AccountService.VerifyPerson`."""
        asked = identity_pb2.VerifyPersonRequest(
            account_id=request.account_id,
            login_secret=request.login_secret,
            name=request.name,
            resident_id=request.resident_id,
        )
        answer = await self._call("VerifyPerson", asked, language)
        tier = gateway_pb2.Tier.Value(identity_pb2.Tier.Name(answer.tier))
        return gateway_pb2.VerifyPersonResponse(person_id=answer.person_id, tier=tier)

    async def get_case(self, request: Any, language: str) -> Any:
        """See `AccountService.GetCase`."""
        asked = identity_pb2.GetCaseRequest(
            account_id=request.account_id,
            login_secret=request.login_secret,
            case_number=request.case_number,
        )
        case = (await self._call("GetCase", asked, language)).case
        return gateway_pb2.GetCaseResponse(
            case_number=case.case_number,
            state=gateway_pb2.CaseState.Value(identity_pb2.CaseState.Name(case.state)),
            reason=errors_pb2.ErrorReason.Name(case.reason).removeprefix("ERROR_REASON_"),
            step=case.step,
            next_step=case.next_step,
            opened_at=case.opened_at,
            resolved_at=case.resolved_at if case.HasField("resolved_at") else None,
        )

    async def issue_token(self, request: Any, language: str) -> Any:
        """See `AccountService.IssueToken`."""
        asked = identity_pb2.IssueTokenRequest(
            account_id=request.account_id, login_secret=request.login_secret
        )
        answer = await self._call("IssueToken", asked, language)
        return gateway_pb2.IssueTokenResponse(access_token=answer.access_token, expires_at=answer.expires_at)

    async def public_keys(self) -> Mapping[str, bytes]:
        """Raw Ed25519 public keys by key id."""
        answer = await self._call("GetPublicKeys", identity_pb2.GetPublicKeysRequest(), "")
        return {key.key_id: key.ed25519_public_key for key in answer.keys}

    async def _call(self, method: str, request: Any, language: str) -> Any:
        metadata = ((LANGUAGE_KEY, language),) if language else ()
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(identity_pb2_grpc.IdentityServiceStub(channel), method)(
                request, timeout=timeout_s, metadata=metadata
            ),
        )

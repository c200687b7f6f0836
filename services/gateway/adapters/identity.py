"""Identity behind the gateway's contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc

from hongbao.gateway.v1 import gateway_pb2
from hongbao.identity.v1 import (
    bank_card_pb2,
    bank_card_pb2_grpc,
    errors_pb2,
    identity_pb2,
    identity_pb2_grpc,
)
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
        return gateway_pb2.VerifyPersonResponse(
            person_id=answer.person_id, tier=_tier(answer.tier), merged_person_id=answer.merged_person_id
        )

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
        return gateway_pb2.IssueTokenResponse(
            access_token=answer.access_token,
            expires_at=answer.expires_at,
            refresh_token=answer.refresh_token,
            refresh_expires_at=answer.refresh_expires_at,
            session_id=answer.session_id,
        )

    async def bind_card(self, request: Any, language: str) -> Any:
        """See `AccountService.BindCard`."""
        asked = bank_card_pb2.BindCardRequest(
            account_id=request.account_id,
            login_secret=request.login_secret,
            card_number=request.card_number,
            phone=request.phone,
        )
        answer = await self._call("BindCard", asked, language, bank_card_pb2_grpc.BankCardServiceStub)
        return gateway_pb2.BindCardResponse(card=_card(answer.card), tier=_tier(answer.tier))

    async def list_cards(self, request: Any, language: str) -> Any:
        """See `AccountService.ListCards`."""
        asked = bank_card_pb2.ListCardsRequest(
            account_id=request.account_id, login_secret=request.login_secret
        )
        answer = await self._call("ListCards", asked, language, bank_card_pb2_grpc.BankCardServiceStub)
        return gateway_pb2.ListCardsResponse(cards=map(_card, answer.cards))

    async def unbind_card(self, request: Any, language: str) -> Any:
        """See `AccountService.UnbindCard`."""
        asked = bank_card_pb2.UnbindCardRequest(
            account_id=request.account_id, login_secret=request.login_secret, card_id=request.card_id
        )
        await self._call("UnbindCard", asked, language, bank_card_pb2_grpc.BankCardServiceStub)
        return gateway_pb2.UnbindCardResponse()

    async def public_keys(self) -> Mapping[str, bytes]:
        """Raw Ed25519 public keys by key id."""
        answer = await self._call("GetPublicKeys", identity_pb2.GetPublicKeysRequest(), "")
        return {key.key_id: key.ed25519_public_key for key in answer.keys}

    async def _call(
        self,
        method: str,
        request: Any,
        language: str,
        stub: Callable[[grpc.aio.Channel], Any] = identity_pb2_grpc.IdentityServiceStub,
    ) -> Any:
        metadata = ((LANGUAGE_KEY, language),) if language else ()
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(stub(channel), method)(
                request, timeout=timeout_s, metadata=metadata
            ),
        )


def _card(card: bank_card_pb2.BankCard) -> gateway_pb2.BankCard:
    return gateway_pb2.BankCard(
        card_id=card.card_id,
        bank_name=card.bank_name,
        number_masked=card.number_masked,
        bound_at=card.bound_at,
    )


def _tier(tier: identity_pb2.Tier.ValueType) -> gateway_pb2.Tier.ValueType:
    return gateway_pb2.Tier.Value(identity_pb2.Tier.Name(tier))

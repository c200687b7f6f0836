"""The contract of bank cards in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.identity.v1 import bank_card_pb2
from hongbao.identity.v1.bank_card_pb2_grpc import BankCardServiceServicer
from services.identity.api.accounts import tier_shown
from services.identity.api.languages import language_asked
from services.identity.domain.bank_cards import BankCard
from services.identity.domain.binding import CardBinding
from services.identity.domain.people import AccountId, CardId
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import timestamp


class BankCardApi(BankCardServiceServicer):
    """Serves `hongbao.identity.v1.BankCardService`."""

    def __init__(self, binding: CardBinding) -> None:
        self._binding = binding

    async def BindCard(
        self, request: bank_card_pb2.BindCardRequest, context: Any
    ) -> bank_card_pb2.BindCardResponse:
        """See the contract."""
        bound = await self._binding.bind(
            AccountId(request.account_id),
            request.login_secret,
            request.card_number,
            request.phone,
            language_asked(context),
            traceparent(),
        )
        return bank_card_pb2.BindCardResponse(card=_card(bound.card), tier=tier_shown(bound.tier))

    async def ListCards(
        self, request: bank_card_pb2.ListCardsRequest, context: Any
    ) -> bank_card_pb2.ListCardsResponse:
        """See the contract."""
        cards = await self._binding.listed(
            AccountId(request.account_id), request.login_secret, language_asked(context)
        )
        return bank_card_pb2.ListCardsResponse(cards=map(_card, cards))

    async def UnbindCard(
        self, request: bank_card_pb2.UnbindCardRequest, context: Any
    ) -> bank_card_pb2.UnbindCardResponse:
        """See the contract."""
        await self._binding.unbind(
            AccountId(request.account_id),
            request.login_secret,
            CardId(request.card_id),
            language_asked(context),
            traceparent(),
        )
        return bank_card_pb2.UnbindCardResponse()


def _card(card: BankCard) -> bank_card_pb2.BankCard:
    return bank_card_pb2.BankCard(
        card_id=card.card_id,
        bank_name=card.bank.name,
        number_masked=card.number_masked,
        bound_at=timestamp(card.bound_ms),
    )

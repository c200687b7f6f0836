"""What players do with their cards: calls to the gateway about hands, gifts, asks and sets."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc

from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import gateway_pb2_grpc as gateway_grpc
from services.cli.gala.crowd import patiently
from services.cli.gala.people import Player
from services.cli.gala.players import CALL_TIMEOUT_S

R = TypeVar("R")

_PAGE_EXCHANGES = 100


class Trading:
    """Everybody's app, as far as the card game goes."""

    def __init__(self, channel: grpc.aio.Channel, campaign_id: str) -> None:
        self._campaign_id = campaign_id
        self._cards = gateway_grpc.CardServiceStub(channel)

    async def figures(self, player: Player) -> gateway.GetFiguresResponse:
        """How the game goes, as anybody may ask."""
        request = gateway.GetFiguresRequest(campaign_id=self._campaign_id)
        return await _called(player, self._cards.GetFigures, request)

    async def hand(self, player: Player) -> Counter[int]:
        """The cards that the player holds: how many of each."""
        request = gateway.ListHandRequest(campaign_id=self._campaign_id)
        answer = await _called(player, self._cards.ListHand, request)
        return Counter({held.card: held.count for held in answer.cards if held.count > 0})

    async def offer(self, giver: Player, receiver: Player, card: int) -> str:
        """Offers a card to a friend; the gift's id."""
        request = gateway.GiftCardRequest(
            campaign_id=self._campaign_id,
            request_id=str(uuid.uuid4()),
            to_person_id=receiver.person_id,
            card=gateway.Card.ValueType(card),
        )
        answer = await _called(giver, self._cards.GiftCard, request)
        return answer.exchange.exchange_id

    async def accept(self, receiver: Player, gift_id: str) -> None:
        """Takes a card that a friend has offered."""
        request = gateway.AcceptGiftRequest(campaign_id=self._campaign_id, exchange_id=gift_id)
        await _called(receiver, self._cards.AcceptGift, request)

    async def decline(self, receiver: Player, gift_id: str) -> None:
        """Says no to a card that a friend has offered."""
        request = gateway.DeclineGiftRequest(campaign_id=self._campaign_id, exchange_id=gift_id)
        await _called(receiver, self._cards.DeclineGift, request)

    async def take_back(self, giver: Player, gift_id: str) -> None:
        """Takes back a card that nobody has accepted yet."""
        request = gateway.TakeBackGiftRequest(campaign_id=self._campaign_id, exchange_id=gift_id)
        await _called(giver, self._cards.TakeBackGift, request)

    async def ask(self, asking: Player, asked: Player, card: int) -> str:
        """Asks a friend for a card; the ask's id."""
        request = gateway.AskCardRequest(
            campaign_id=self._campaign_id,
            request_id=str(uuid.uuid4()),
            asked_person_id=asked.person_id,
            card=gateway.Card.ValueType(card),
        )
        answer = await _called(asking, self._cards.AskCard, request)
        return answer.exchange.exchange_id

    async def answer(self, asked: Player, ask_id: str) -> None:
        """Gives the card that a friend asked for."""
        request = gateway.AnswerCardAskRequest(campaign_id=self._campaign_id, exchange_id=ask_id)
        await _called(asked, self._cards.AnswerCardAsk, request)

    async def decline_ask(self, asked: Player, ask_id: str) -> None:
        """Says no to a friend who asked for a card."""
        request = gateway.DeclineCardAskRequest(campaign_id=self._campaign_id, exchange_id=ask_id)
        await _called(asked, self._cards.DeclineCardAsk, request)

    async def take_back_ask(self, asking: Player, ask_id: str) -> None:
        """Asks no more."""
        request = gateway.TakeBackCardAskRequest(campaign_id=self._campaign_id, exchange_id=ask_id)
        await _called(asking, self._cards.TakeBackCardAsk, request)

    async def ended(
        self, player: Player, states: Sequence[gateway.CardExchangeState.ValueType]
    ) -> dict[str, gateway.CardExchange]:
        """The player's newest gifts and asks that are in one of these states, by id."""
        request = gateway.ListExchangesRequest(
            campaign_id=self._campaign_id, states=states, page_size=_PAGE_EXCHANGES
        )
        answer = await _called(player, self._cards.ListExchanges, request)
        return {exchange.exchange_id: exchange for exchange in answer.exchanges}

    async def complete_set(self, player: Player) -> None:
        """Spends five different cards on a claim to the pool."""
        request = gateway.CompleteSetRequest(campaign_id=self._campaign_id)
        await _called(player, self._cards.CompleteSet, request)


async def _called(player: Player, method: Callable[..., Awaitable[R]], request: Any) -> R:
    return await patiently(lambda: method(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S))

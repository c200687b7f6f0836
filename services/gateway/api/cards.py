"""The card game, as the caller plays it."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.exchanges import CardExchanges
from services.gateway.domain.pace import LanePace
from services.gateway.domain.ports import Cards, Tokens


class CardServicer(gateway_pb2_grpc.CardServiceServicer):
    """The card game, as the caller plays it. Hands and gifts are social; the game and its sets are not."""

    def __init__(
        self,
        tokens: Tokens,
        pace: LanePace,
        cards: Cards,
        exchanges: CardExchanges,
        social: Bulkhead,
        others: Bulkhead,
    ) -> None:
        self._tokens = tokens
        self._pace = pace
        self._cards = cards
        self._exchanges = exchanges
        self._social = social
        self._others = others

    async def GetGame(self, request: Any, context: Any) -> Any:
        """See the contract."""
        await caller_of(context, self._tokens, self._pace)
        with self._others.entered():
            return await self._cards.get_game(request)

    async def GetFigures(self, request: Any, context: Any) -> Any:
        """See the contract."""
        await caller_of(context, self._tokens, self._pace)
        with self._others.entered():
            return await self._cards.get_figures(request)

    async def ListHand(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._cards.list_hand(caller.person_id, request)

    async def ListMovements(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._cards.list_movements(caller.person_id, request)

    async def GiftCard(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._cards.gift_card(caller.person_id, request)

    async def AcceptGift(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._exchanges.accept_gift(caller.person_id, request)

    async def DeclineGift(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._exchanges.decline_gift(caller.person_id, request)

    async def TakeBackGift(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._exchanges.take_back_gift(caller.person_id, request)

    async def AskCard(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._exchanges.ask_card(caller.person_id, request)

    async def AnswerCardAsk(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._exchanges.answer_ask(caller.person_id, request)

    async def DeclineCardAsk(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._exchanges.decline_ask(caller.person_id, request)

    async def TakeBackCardAsk(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._exchanges.take_back_ask(caller.person_id, request)

    async def ListExchanges(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._social.entered():
            return await self._exchanges.list_exchanges(caller.person_id, request)

    async def CompleteSet(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._others.entered():
            return await self._cards.complete_set(caller.person_id, request)

"""ExchangeService: cards that people give each other, and ask each other for."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.cards.v1 import exchanges_pb2, exchanges_pb2_grpc
from services.cards.api.numbered import numbered_shard
from services.cards.api.pages import page_position
from services.cards.domain.errors import PageTokenInvalid
from services.cards.domain.exchanges.desk import ExchangeDesk, only
from services.cards.domain.exchanges.ending import Named
from services.cards.domain.exchanges.errors import ExchangeUnknown
from services.cards.domain.exchanges.identity import (
    REQUEST_BYTES,
    ExchangeKey,
    exchange_text,
    key_from_text,
    request_bytes,
)
from services.cards.domain.exchanges.listing import list_exchanges
from services.cards.domain.exchanges.machine import ExchangeAction
from services.cards.domain.exchanges.opening import Wish
from services.cards.domain.exchanges.table import CARD_OF, Exchange
from services.cards.domain.ports import OwnedShard, OwnedShards
from services.cards.domain.vocabulary import CampaignId, Card, PersonId
from services.cards.exchange_contract import exchange_to_contract
from services.cards.exchange_outcomes import outcome_of
from services.mesh.pages import Listing

_PAGE_SIZE_DEFAULT = 20
_WRONG_SHARD = exchanges_pb2.EXCHANGE_OUTCOME_WRONG_SHARD


class ExchangeApi(exchanges_pb2_grpc.ExchangeServiceServicer):
    """Cards that people give each other, and ask each other for."""

    def __init__(self, shards: OwnedShards, desk: ExchangeDesk) -> None:
        self._shards = shards
        self._desk = desk

    async def AcceptGift(
        self, request: exchanges_pb2.AcceptGiftRequest, _context: Any
    ) -> exchanges_pb2.AcceptGiftResponse:
        """See the contract."""
        exchange = await self._end_as_receiver(request, ExchangeAction.ACCEPT_GIFT)
        return exchanges_pb2.AcceptGiftResponse(exchange=exchange)

    async def DeclineGift(
        self, request: exchanges_pb2.DeclineGiftRequest, _context: Any
    ) -> exchanges_pb2.DeclineGiftResponse:
        """See the contract."""
        exchange = await self._end_as_receiver(request, ExchangeAction.DECLINE_GIFT)
        return exchanges_pb2.DeclineGiftResponse(exchange=exchange)

    async def TakeBackGift(
        self, request: exchanges_pb2.TakeBackGiftRequest, _context: Any
    ) -> exchanges_pb2.TakeBackGiftResponse:
        """See the contract."""
        exchange = await self._end_as_giver(request, ExchangeAction.TAKE_BACK_GIFT)
        return exchanges_pb2.TakeBackGiftResponse(exchange=exchange)

    async def MakeAsk(
        self, request: exchanges_pb2.MakeAskRequest, _context: Any
    ) -> exchanges_pb2.MakeAskResponse:
        """See the contract."""
        campaign_id, asking_id = CampaignId(request.campaign_id), PersonId(request.asking_person_id)
        wish = self._desk.wish(
            PersonId(request.asked_person_id),
            asking_id,
            Card(request.card),
            request_bytes(request.request_id),
        )
        exchange = await self._desk.ask(self._person_shard(asking_id), campaign_id, wish)
        return exchanges_pb2.MakeAskResponse(exchange=exchange_to_contract(campaign_id, exchange))

    async def AnswerAsk(
        self, request: exchanges_pb2.AnswerAskRequest, _context: Any
    ) -> exchanges_pb2.AnswerAskResponse:
        """See the contract."""
        exchange = await self._end_as_giver(request, ExchangeAction.ANSWER_ASK)
        return exchanges_pb2.AnswerAskResponse(exchange=exchange)

    async def DeclineAsk(
        self, request: exchanges_pb2.DeclineAskRequest, _context: Any
    ) -> exchanges_pb2.DeclineAskResponse:
        """See the contract."""
        exchange = await self._end_as_giver(request, ExchangeAction.DECLINE_ASK)
        return exchanges_pb2.DeclineAskResponse(exchange=exchange)

    async def TakeBackAsk(
        self, request: exchanges_pb2.TakeBackAskRequest, _context: Any
    ) -> exchanges_pb2.TakeBackAskResponse:
        """See the contract."""
        exchange = await self._end_as_receiver(request, ExchangeAction.TAKE_BACK_ASK)
        return exchanges_pb2.TakeBackAskResponse(exchange=exchange)

    async def GetExchange(
        self, request: exchanges_pb2.GetExchangeRequest, _context: Any
    ) -> exchanges_pb2.GetExchangeResponse:
        """See the contract."""
        campaign_id, person_id, key = _named(request)
        exchange = await self._desk.look(self._person_shard(person_id), campaign_id, person_id, key)
        return exchanges_pb2.GetExchangeResponse(exchange=exchange_to_contract(campaign_id, exchange))

    async def ListExchanges(
        self, request: exchanges_pb2.ListExchangesRequest, _context: Any
    ) -> exchanges_pb2.ListExchangesResponse:
        """See the contract. The page token is where the next page begins."""
        campaign_id, person_id = CampaignId(request.campaign_id), PersonId(request.person_id)
        shard = self._person_shard(person_id)
        of_list = Listing(f"exchanges/{campaign_id}", person_id)
        position = page_position(of_list, request.page_token)
        page = list_exchanges(
            shard.state.game(campaign_id).exchanges.table,
            person_id,
            role=request.role,
            states=frozenset(request.states),
            position=position,
            size=request.page_size or _PAGE_SIZE_DEFAULT,
        )
        if page is None:
            raise PageTokenInvalid(request.page_token)
        await shard.settled()
        return exchanges_pb2.ListExchangesResponse(
            exchanges=[exchange_to_contract(campaign_id, exchange) for exchange in page.exchanges],
            next_page_token=of_list.token(page.next_position) if page.next_position else "",
        )

    async def OfferBatch(
        self, request: exchanges_pb2.OfferBatchRequest, _context: Any
    ) -> exchanges_pb2.OfferBatchResponse:
        """See the contract."""
        shard, desk = numbered_shard(self._shards, request.shard), self._desk
        places = desk.places(request.from_person_ids)
        wishes = [
            Wish(PersonId(giver_id), PersonId(receiver_id), CARD_OF[card], request_id, receiver_shard)
            for giver_id, receiver_id, card, request_id, receiver_shard in zip(
                request.from_person_ids,
                request.to_person_ids,
                request.cards,
                _request_ids(request.request_ids),
                desk.places(request.to_person_ids),
                strict=True,
            )
        ]
        fit = [wish for wish, place in zip(wishes, places, strict=True) if place == request.shard]
        found = iter(await desk.offer(shard, CampaignId(request.campaign_id), fit))
        results = [next(found) if place == request.shard else None for place in places]
        return exchanges_pb2.OfferBatchResponse(
            outcomes=[_WRONG_SHARD if result is None else outcome_of(result) for result in results],
            exchange_ids=[
                exchange_text(result.key) if isinstance(result, Exchange) else "" for result in results
            ],
        )

    async def AcceptBatch(
        self, request: exchanges_pb2.AcceptBatchRequest, _context: Any
    ) -> exchanges_pb2.AcceptBatchResponse:
        """See the contract."""
        shard, desk = numbered_shard(self._shards, request.shard), self._desk
        outcomes = [exchanges_pb2.EXCHANGE_OUTCOME_EXCHANGE_UNKNOWN] * len(request.person_ids)
        fit: list[int] = []
        items: list[Named] = []
        for index, (person_id, text, place) in enumerate(
            zip(request.person_ids, request.exchange_ids, desk.places(request.person_ids), strict=True)
        ):
            key = key_from_text(text)
            if place != request.shard:
                outcomes[index] = _WRONG_SHARD
            elif key is not None:
                fit.append(index)
                items.append((PersonId(person_id), key))
        results = await desk.end_as_receivers(
            shard, CampaignId(request.campaign_id), ExchangeAction.ACCEPT_GIFT, items, is_shown=False
        )
        for index, result in zip(fit, results, strict=True):
            outcomes[index] = outcome_of(result)
        return exchanges_pb2.AcceptBatchResponse(outcomes=outcomes)

    async def _end_as_giver(self, request: Any, action: ExchangeAction) -> exchanges_pb2.Exchange:
        campaign_id, person_id, key = _named(request)
        shard = self._person_shard(person_id)
        results = await self._desk.end(shard, campaign_id, action, [(person_id, key)])
        return exchange_to_contract(campaign_id, only(results))

    async def _end_as_receiver(self, request: Any, action: ExchangeAction) -> exchanges_pb2.Exchange:
        campaign_id, person_id, key = _named(request)
        shard = self._person_shard(person_id)
        results = await self._desk.end_as_receivers(shard, campaign_id, action, [(person_id, key)])
        return exchange_to_contract(campaign_id, only(results))

    def _person_shard(self, person_id: PersonId) -> OwnedShard:
        return self._shards.owned(self._desk.place(person_id))


def _named(request: Any) -> tuple[CampaignId, PersonId, ExchangeKey]:
    """What a request names. Raises `ExchangeUnknown` for an id that was never given out."""
    campaign_id, key = CampaignId(request.campaign_id), key_from_text(request.exchange_id)
    if key is None:
        raise ExchangeUnknown(campaign_id, request.exchange_id)
    return campaign_id, PersonId(request.person_id), key


def _request_ids(end_to_end: bytes) -> list[bytes]:
    return [end_to_end[start : start + REQUEST_BYTES] for start in range(0, len(end_to_end), REQUEST_BYTES)]

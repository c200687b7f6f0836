"""CardsService: what operators and players call."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any, cast

from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc
from services.cards.api.numbered import numbered_shard
from services.cards.contract import (
    card_value,
    card_values,
    decision_to_contract,
    order_from_contract,
    share_mode_value,
    supply_to_contract,
)
from services.cards.domain import play
from services.cards.domain.errors import GameUnknown, PageTokenInvalid
from services.cards.domain.events import GameCreated
from services.cards.domain.exchanges.desk import ExchangeDesk, only
from services.cards.domain.exchanges.identity import request_bytes, request_text
from services.cards.domain.holdings import hand
from services.cards.domain.lifecycle import GameLifecycle, phase_of
from services.cards.domain.placement import home_of, owns_column, shard_of_person
from services.cards.domain.ports import Completing, OwnedShard, OwnedShards, Supplies
from services.cards.domain.sets.sets import Completion
from services.cards.domain.supply.draw import commitment
from services.cards.domain.vocabulary import CARDS, CampaignId, Card, PersonId, Source
from services.cards.exchange_contract import exchange_to_contract
from services.cards.history_contract import movement_to_contract
from services.cards.limits_contract import limits_to_contract
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock
from services.mesh.timestamps import timestamp, timestamp_or_none

_PAGE_SIZE_DEFAULT = 100


class CardsApi(cards_pb2_grpc.CardsServiceServicer):
    """What operators and players call."""

    def __init__(
        self,
        shards: OwnedShards,
        lifecycle: GameLifecycle,
        exchanges: ExchangeDesk,
        completing: Completing,
        supplies: Supplies,
        clock: Clock,
        settings: CardsSettings,
    ) -> None:
        self._shards = shards
        self._lifecycle = lifecycle
        self._exchanges = exchanges
        self._completing = completing
        self._supplies = supplies
        self._clock = clock
        self._settings = settings

    async def CreateGame(
        self, request: cards_pb2.CreateGameRequest, _context: Any
    ) -> cards_pb2.CreateGameResponse:
        """See the contract."""
        order = order_from_contract(request)
        home = self._home(order.campaign_id)
        game = await self._lifecycle.create(home, order)
        return cards_pb2.CreateGameResponse(game=await self._show(home, game))

    async def GetGame(self, request: cards_pb2.GetGameRequest, _context: Any) -> cards_pb2.GetGameResponse:
        """See the contract."""
        campaign_id = CampaignId(request.campaign_id)
        home = self._home(campaign_id)
        game = home.state.created.get(campaign_id)
        if game is None:
            raise GameUnknown(campaign_id)
        return cards_pb2.GetGameResponse(game=await self._show(home, game))

    async def DealBatch(
        self, request: cards_pb2.DealBatchRequest, _context: Any
    ) -> cards_pb2.DealBatchResponse:
        """See the contract."""
        shard = numbered_shard(self._shards, request.shard)
        campaign_id, source = CampaignId(request.campaign_id), Source(request.source)
        decision = await play.deal(
            shard,
            campaign_id,
            source,
            request.person_ids,
            request.source_keys,
            self._clock.now_ms,
            owns_column(request.shard, self._shards.shard_count),
            self._supplies,
        )
        return cards_pb2.DealBatchResponse(
            outcomes=cast("list[cards_pb2.DealOutcome.ValueType]", decision.outcomes),
            cards=card_values(decision.cards),
            retry_after_ms=self._supplies.retry_after_ms(shard, campaign_id, source)
            if decision.waiting
            else 0,
        )

    async def ListHand(self, request: cards_pb2.ListHandRequest, _context: Any) -> cards_pb2.ListHandResponse:
        """See the contract. The page token is the number of the last card shown."""
        person_id = PersonId(request.person_id)
        last_shown = _last_shown(request.page_token)
        cards = await play.look(
            self._person_shard(person_id),
            CampaignId(request.campaign_id),
            person_id,
            copies_max=self._settings.hand_origins_max,
            steps_max=self._settings.hand_origins_steps_max,
        )
        rest = [card for card in hand.held(cards.hand) if card > last_shown]
        page = rest[: request.page_size or _PAGE_SIZE_DEFAULT]
        return cards_pb2.ListHandResponse(
            cards=[
                cards_pb2.HeldCard(
                    card=card_value(card),
                    held_count=hand.count(cards.hand, card),
                    origins=map(movement_to_contract, cards.origins[card]),
                )
                for card in page
            ],
            next_page_token=str(page[-1].value) if len(page) < len(rest) else "",
            completion=None if cards.completion is None else _completion(cards.completion),
        )

    async def GiftCard(self, request: cards_pb2.GiftCardRequest, _context: Any) -> cards_pb2.GiftCardResponse:
        """See the contract."""
        campaign_id, giver_id = CampaignId(request.campaign_id), PersonId(request.from_person_id)
        wish = self._exchanges.wish(
            giver_id, PersonId(request.to_person_id), Card(request.card), request_bytes(request.request_id)
        )
        exchange = only(await self._exchanges.offer(self._person_shard(giver_id), campaign_id, [wish]))
        return cards_pb2.GiftCardResponse(
            gift=cards_pb2.Gift(
                campaign_id=campaign_id,
                request_id=request_text(exchange.request_id),
                from_person_id=exchange.giver_id,
                to_person_id=exchange.receiver_id,
                card=card_value(exchange.card),
                sent_at=timestamp(exchange.opened_at_ms),
                state=cards_pb2.GIFT_STATE_OFFERED,
            ),
            exchange=exchange_to_contract(campaign_id, exchange),
        )

    async def CompleteSet(
        self, request: cards_pb2.CompleteSetRequest, _context: Any
    ) -> cards_pb2.CompleteSetResponse:
        """See the contract."""
        person_id = PersonId(request.person_id)
        completion = await self._completing.complete(
            self._person_shard(person_id), CampaignId(request.campaign_id), person_id
        )
        return cards_pb2.CompleteSetResponse(completion=_completion(completion))

    async def CompleteSetBatch(
        self, request: cards_pb2.CompleteSetBatchRequest, _context: Any
    ) -> cards_pb2.CompleteSetBatchResponse:
        """See the contract."""
        shard, campaign_id = numbered_shard(self._shards, request.shard), CampaignId(request.campaign_id)
        are_own = owns_column(request.shard, self._shards.shard_count)
        decision = await play.complete_batch(
            shard, campaign_id, request.person_ids, self._clock.now_ms(), are_own
        )
        sets = shard.state.game(campaign_id).sets
        return cards_pb2.CompleteSetBatchResponse(
            outcomes=cast("list[cards_pb2.CompletionOutcome.ValueType]", decision.outcomes),
            completed_at_ms=sets.times_of(request.person_ids),
        )

    async def _show(self, home: OwnedShard, game: GameCreated) -> cards_pb2.Game:
        """The game with its counts over all shards; a decision is shown once it is durable."""
        order = game.order
        part = home.state.games.get(order.campaign_id)
        decision = part.sets.decision if part is not None else None
        figures = await self._lifecycle.figures(game)
        await home.settled()
        phase = phase_of(order, decision, self._clock.now_ms())
        return cards_pb2.Game(
            campaign_id=order.campaign_id,
            sponsor_id=order.sponsor_id,
            pool_fen=order.pool_fen,
            pool_hold_id=order.pool_hold_id,
            supply=supply_to_contract(order.supply),
            opens_at=timestamp(order.opens_at_ms),
            deadline=timestamp(order.deadline_ms),
            phase=cast("cards_pb2.GamePhase.ValueType", phase.value),
            seed_commitment=commitment(game.seed),
            cards=[
                cards_pb2.CardFigures(card=card_value(card), issue_limit=limit, issued=issued)
                for card, limit, issued in zip(CARDS, order.supply.limits, figures.issued, strict=True)
            ],
            sets_completed=figures.sets_completed,
            decision=None if decision is None else decision_to_contract(decision),
            shard_count=game.shard_count,
            winnings_wait_until_at=timestamp_or_none(order.winnings_wait_until_at_ms),
            share_mode=share_mode_value(order.share_mode),
            deals_per_day_max=order.deals_per_day_max,
            exchange_limits=limits_to_contract(order.exchange_limits),
        )

    def _home(self, campaign_id: CampaignId) -> OwnedShard:
        return self._shards.owned(home_of(campaign_id, self._shards.shard_count))

    def _person_shard(self, person_id: PersonId) -> OwnedShard:
        return self._shards.owned(shard_of_person(person_id, self._shards.shard_count))


def _last_shown(page_token: str) -> int:
    """The number of the last card that was shown, 0 for none. Raises `PageTokenInvalid`."""
    if not page_token:
        return 0
    if page_token not in {str(card.value) for card in CARDS}:
        raise PageTokenInvalid(page_token)
    return int(page_token)


def _completion(completion: Completion) -> cards_pb2.Completion:
    return cards_pb2.Completion(
        campaign_id=completion.campaign_id,
        person_id=completion.person_id,
        completed_at=timestamp(completion.completed_at_ms),
        luck_class=completion.luck_class,
        share_fen=completion.share_fen,
    )

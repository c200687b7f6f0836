"""Keeps the supply of an owned shard: leases decks ahead of deals, and gives back what is not needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.cards.domain.events import Change
from services.cards.domain.ports import OwnedShard
from services.cards.domain.supply.grants import DeckReceived
from services.cards.domain.supply.leasing import LeaseAnswer, LeaseRequest
from services.cards.domain.supply.stocking import Stock, StockRules, accepted
from services.cards.domain.vocabulary import CampaignId, Source
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint

_log = structlog.get_logger(__name__)

AskHome = Callable[[LeaseRequest], Awaitable[LeaseAnswer]]
"""Asks a game's home shard, wherever it is. May be repeated."""


class SupplyKeeper:
    """Keeps one owned shard supplied, in all its games. What fails is tried again at the next look."""

    def __init__(self, shard: OwnedShard, ask_home: AskHome, clock: Clock, settings: CardsSettings) -> None:
        self._shard = shard
        self._ask_home = ask_home
        self._clock = clock
        self._settings = settings
        self._rules = StockRules(
            deck_cards_min=settings.deck_cards_min,
            deck_cards_max=settings.deck_cards_max,
            ahead_ms=settings.supply_ahead_ms,
            idle_ms=settings.supply_idle_ms,
            report_ms=settings.supply_report_ms,
        )
        self._stocks: dict[CampaignId, Stock] = {}
        self._wake = asyncio.Event()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Looks, acts and waits until something is due or lacking, until cancelled."""
        while True:
            self._wake.clear()
            await self.look()
            await self._sleep(self._settings.supply_poll_ms, self._wake)

    async def look(self) -> None:
        """Does what is due now, in all games at the same time."""
        await asyncio.gather(*map(self._tend_if_possible, self._open_games()))

    async def more(self, campaign_id: CampaignId, source: Source, count: int) -> bool:
        """See `Supplies.more`."""
        issued = self._shard.state.game(campaign_id).issued
        stock, before = self._stock(campaign_id), (issued.lease_no, issued.is_supply_ended)
        ends_at_s = self._clock.monotonic_s() + self._settings.deal_wait_ms / 1000
        stock.lacking[source] += count
        try:
            while stock.is_coming(source, self._elapsed_ms()):
                left_ms = round((ends_at_s - self._clock.monotonic_s()) * 1000)
                is_there = min(issued.decks.left_count, issued.deals_left(source)) >= count
                if is_there or left_ms <= 0:
                    break
                news = self._news
                self._wake.set()
                await self._sleep(left_ms, news)
        finally:
            stock.lacking[source] -= count
        return before != (issued.lease_no, issued.is_supply_ended) or issued.is_ended(source)

    def dealt(self, campaign_id: CampaignId) -> None:
        """See `Supplies.dealt`."""
        if self._stock(campaign_id).is_low():
            self._wake.set()

    def retry_after_ms(self, campaign_id: CampaignId, source: Source) -> int:
        """See `Supplies.retry_after_ms`."""
        retry_at_ms = self._stock(campaign_id).retry_at_ms
        waits_ms = max(retry_at_ms[None], retry_at_ms[source]) - self._elapsed_ms()
        return max(waits_ms, self._settings.supply_retry_ms)

    def _elapsed_ms(self) -> int:
        """What stocks go by: when the wall clock goes back, nobody may wait for it to catch up."""
        return round(self._clock.monotonic_s() * 1000)

    def _open_games(self) -> list[CampaignId]:
        """Games that deal now or are about to."""
        now_ms, soon_ms = self._clock.now_ms(), self._settings.supply_ahead_ms
        return [
            campaign_id
            for campaign_id, game in self._shard.state.games.items()
            if not game.is_sealed
            and game.prepared.opens_at_ms - soon_ms <= now_ms < game.prepared.deadline_ms
        ]

    async def _tend_if_possible(self, campaign_id: CampaignId) -> None:
        try:
            await self._tend(campaign_id)
        except ServiceError as error:
            # The disk may be behind: the lease is asked for again, and has the same answer.
            _log.info("supply_waits", campaign=campaign_id, error=str(error))

    async def _tend(self, campaign_id: CampaignId) -> None:
        stock = self._stock(campaign_id)
        surplus = stock.surplus(self._elapsed_ms())
        if surplus is not None:
            self._shard.commit(Change(surplus))
        # Each lease that brings something may be followed by another at once, so that a large demand is met.
        for _ in range(self._settings.leases_per_look_max):
            request = stock.request(self._elapsed_ms())
            if request is None or not await self._lease(stock, request):
                break

    async def _lease(self, stock: Stock, request: LeaseRequest) -> bool:
        """Asks home and takes what it grants. Whether anything came."""
        try:
            # What home is told must not be taken back by a crash.
            await self._shard.settled()
            answer = await self._ask_home(request)
        except ServiceError as error:
            stock.failed(self._settings.supply_retry_ms, self._elapsed_ms())
            _log.info("supply_waits", campaign=request.campaign_id, error=str(error))
            return False
        failpoint("lease.answered")
        stock.answered(request, answer, self._elapsed_ms())
        has_come = self._take(request, answer)
        news, self._news = self._news, asyncio.Event()
        news.set()
        return has_come

    def _take(self, request: LeaseRequest, answer: LeaseAnswer) -> bool:
        game = self._shard.state.game(request.campaign_id)
        if game.is_sealed:
            return False  # While home was asked the deadline passed: the lease was in vain.
        events = accepted(game.issued, answer)
        for event in events:
            self._shard.commit(Change(event))
        failpoint("lease.received")
        return any(isinstance(event, DeckReceived) for event in events)

    def _stock(self, campaign_id: CampaignId) -> Stock:
        stock = self._stocks.get(campaign_id)
        if stock is None:
            issued = self._shard.state.game(campaign_id).issued
            stock = self._stocks[campaign_id] = Stock(self._rules, issued, self._elapsed_ms())
        return stock

    async def _sleep(self, time_ms: int, or_until: asyncio.Event) -> None:
        """Waits for the time, or until the event is set."""
        sleeping = asyncio.ensure_future(self._clock.sleep(time_ms / 1000))
        waking = asyncio.ensure_future(or_until.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()


class SupplyKeepers:
    """The keepers of all shards that this process owns; the rules' `Supplies`."""

    def __init__(self) -> None:
        self._keepers: dict[int, SupplyKeeper] = {}

    def enter(self, shard: int, keeper: SupplyKeeper) -> None:
        """A shard was taken: its keeper is the one that counts from now on."""
        self._keepers[shard] = keeper

    async def more(self, shard: OwnedShard, campaign_id: CampaignId, source: Source, count: int) -> bool:
        """See `Supplies.more`."""
        return await self._keepers[shard.state.number].more(campaign_id, source, count)

    def dealt(self, shard: OwnedShard, campaign_id: CampaignId) -> None:
        """See `Supplies.dealt`."""
        self._keepers[shard.state.number].dealt(campaign_id)

    def retry_after_ms(self, shard: OwnedShard, campaign_id: CampaignId, source: Source) -> int:
        """See `Supplies.retry_after_ms`."""
        return self._keepers[shard.state.number].retry_after_ms(campaign_id, source)

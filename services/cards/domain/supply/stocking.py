"""How much supply a shard should have: when it asks home for more, and what it gives back.

What is remembered here is not on record. A new owner begins without it, and asks a little too early or late.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.cards.domain.supply.grants import (
    NO_CARDS,
    NO_DEALS,
    DeckReceived,
    ShardSupply,
    SupplyEnded,
    SupplyReturned,
)
from services.cards.domain.supply.issued import Issued
from services.cards.domain.supply.leasing import LeaseAnswer, LeaseRequest
from services.cards.domain.vocabulary import SOURCES, Source

DECKS_MAX = 2
"""Decks with cards that a shard keeps: one to deal from, and one behind it."""
_RATE_SPAN_MS = 200
"""Deals are counted over at least so long before the rate is corrected."""


@dataclass(frozen=True, slots=True)
class StockRules:
    """Bounds, from settings. Times in milliseconds."""

    deck_cards_min: int
    deck_cards_max: int
    ahead_ms: int
    """For so long a deck should last."""
    idle_ms: int
    """Who has not dealt for so long gives everything back."""
    report_ms: int
    """How often a shard that has something looks how home is doing."""


def accepted(issued: Issued, answer: LeaseAnswer) -> tuple[DeckReceived | SupplyEnded, ...]:
    """What an answer of home changes at the shard: nothing when it is late or comes again."""
    campaign_id, grant = issued.prepared.campaign_id, answer.grant
    events: list[DeckReceived | SupplyEnded] = []
    if grant is not None and grant.lease_no == issued.lease_no + 1:
        events.append(DeckReceived(campaign_id, grant))
    ended = tuple(source for source in answer.ended_sources if not issued.is_ended(source))
    if ended or (answer.is_supply_ended and not issued.is_supply_ended):
        events.append(SupplyEnded(campaign_id, answer.is_supply_ended, ended))
    return tuple(events)


class Stock:
    """What the owner of a shard remembers about its supply of one game."""

    def __init__(self, rules: StockRules, issued: Issued, now_ms: int) -> None:
        self._rules = rules
        self._issued = issued
        self.lacking = dict.fromkeys(SOURCES, 0)
        """Items that wait for cards at this moment, by source."""
        self.retry_at_ms = dict.fromkeys([None, *SOURCES], 0)
        """Not before this is home asked again for what it did not have: cards, as None, or a source's."""
        self._is_scarce = False
        self._is_surplus_due = False
        """Whether home was scarce at the last look, and nothing went back since."""
        self._reported: ShardSupply | None = None
        self._is_unanswered = False
        """Whether home may have granted what it was asked for last, and the answer was lost."""
        self._report_at_ms = 0
        self._needed = 0
        """Deals in `ahead_ms`, at the latest rate."""
        self._counted = (now_ms, issued.draw_count)
        self._dealt_at_ms = now_ms
        self._is_dormant = False

    def is_coming(self, source: Source, now_ms: int) -> bool:
        """Whether it makes sense to wait for cards: home has not just said that there are none."""
        if self._issued.is_supply_ended or self._issued.is_ended(source):
            return False
        return now_ms >= max(self.retry_at_ms[None], self.retry_at_ms[source])

    def is_low(self) -> bool:
        """Whether a deck would be asked for if nothing stood against it."""
        decks = self._issued.decks
        return decks.open_count < DECKS_MAX and decks.left_count < self._wanted_size()

    def request(self, now_ms: int) -> LeaseRequest | None:
        """What to ask home for, or to tell it; None for nothing at this moment."""
        self._count(now_ms)
        cards, deals = self._wanted_cards(now_ms), self._wanted_deals(now_ms)
        if not cards and not any(deals) and not self._has_news(now_ms):
            return None
        issued = self._issued
        prepared, lease_no = issued.prepared, issued.lease_no + 1
        return LeaseRequest(prepared.campaign_id, prepared.shard, lease_no, cards, deals, issued.supply)

    def answered(self, request: LeaseRequest, answer: LeaseAnswer, now_ms: int) -> None:
        """Keeps what home said about what comes when."""
        self._reported, self._is_unanswered = request.supply, False
        self._report_at_ms = now_ms + self._rules.report_ms
        self._is_scarce = self._is_surplus_due = answer.is_scarce
        again_at_ms = now_ms + answer.retry_after_ms
        got = answer.grant
        if request.wanted_cards:
            has_come = got is not None and any(got.cards)
            self.retry_at_ms[None] = 0 if has_come else again_at_ms
        for source, wanted in zip(SOURCES, request.wanted_deals, strict=True):
            if wanted:
                has_come = got is not None and got.deals[source - 1] > 0
                self.retry_at_ms[source] = 0 if has_come else again_at_ms

    def failed(self, retry_ms: int, now_ms: int) -> None:
        """Home could not be asked: everything waits a little."""
        for what in self.retry_at_ms:
            self.retry_at_ms[what] = now_ms + retry_ms
        self._is_unanswered, self._report_at_ms = True, now_ms + retry_ms

    def surplus(self, now_ms: int) -> SupplyReturned | None:
        """What goes back now; None for nothing."""
        self._count(now_ms)
        issued, waiting = self._issued, sum(self.lacking.values())
        is_idle = now_ms - self._dealt_at_ms >= self._rules.idle_ms and not waiting
        if not is_idle and not self._is_surplus_due:
            return None
        needed = 0 if is_idle else self._needed
        # Who waits for the right to deal needs no cards: others may have the right, and lack the cards.
        dealable = sum(min(lacking, issued.deals_left(source)) for source, lacking in self.lacking.items())
        cards = issued.decks.left if issued.decks.left_count > needed + dealable else NO_CARDS
        deals = tuple(max(0, issued.deals_left(source) - needed - self.lacking[source]) for source in SOURCES)
        # Home is asked before more goes back on its word.
        self._is_surplus_due = False
        self._is_dormant = is_idle or not (needed or waiting)
        if not any(cards) and not any(deals):
            return None
        return SupplyReturned(issued.prepared.campaign_id, cards, deals)

    def _count(self, now_ms: int) -> None:
        since_ms, count = self._counted
        dealt, span_ms = self._issued.draw_count - count, now_ms - since_ms
        if dealt:
            self._dealt_at_ms, self._is_dormant = now_ms, False
        if dealt or span_ms >= _RATE_SPAN_MS:
            latest = dealt * self._rules.ahead_ms // max(span_ms, _RATE_SPAN_MS)
            # Up at once, down by halves.
            self._needed = max(latest, (self._needed + latest) // 2)
            self._counted = (now_ms, self._issued.draw_count)

    def _wanted_size(self) -> int:
        rules, waiting = self._rules, sum(self.lacking.values())
        least = 1 if self._is_scarce or self.retry_at_ms[None] else rules.deck_cards_min
        return min(max(self._needed, waiting, least), rules.deck_cards_max)

    def _wanted_cards(self, now_ms: int) -> int:
        issued, waiting = self._issued, sum(self.lacking.values())
        if issued.is_supply_ended or now_ms < self.retry_at_ms[None] or all(map(issued.is_ended, SOURCES)):
            return 0
        if waiting > issued.decks.left_count:
            return self._wanted_size()
        return self._wanted_size() if self.is_low() and not self._is_dormant else 0

    def _wanted_deals(self, now_ms: int) -> tuple[int, ...]:
        if self._issued.is_supply_ended:
            return NO_DEALS
        return tuple(self._wanted_from(source, now_ms) for source in SOURCES)

    def _wanted_from(self, source: Source, now_ms: int) -> int:
        issued, size = self._issued, self._wanted_size()
        if issued.is_ended(source) or now_ms < self.retry_at_ms[source]:
            return 0
        left, lacking = issued.deals_left(source), self.lacking[source]
        is_due = lacking > left or (left < size and not self._is_dormant)
        ahead = size if self._is_scarce else DECKS_MAX * size
        return max(lacking, ahead) - left if is_due else 0

    def _has_news(self, now_ms: int) -> bool:
        told, supply = self._reported, self._issued.supply
        if self._is_unanswered:
            # Also who needs nothing any more: what it does not know of, others may lack.
            return now_ms >= self._report_at_ms
        if told is None:
            return self._issued.lease_no > 0
        gave_back = (told.returned, told.returned_deals) != (supply.returned, supply.returned_deals)
        has_something = self._issued.decks.left_count or any(map(self._issued.deals_left, SOURCES))
        return gave_back or (now_ms >= self._report_at_ms and (told != supply or bool(has_something)))

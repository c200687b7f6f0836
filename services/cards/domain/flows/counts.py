"""What people gave, asked for and received lately: counts that limits are compared with.

They follow from the exchanges that a shard knows, so a snapshot of these is one of the counts, too. Days are
kept for as long as something can still be counted for them: the newest one, and the one before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.machine import GIVES_CARD, WAITING, ExchangeKind
from services.cards.domain.exchanges.table import GIVER_HERE, RECEIVER_HERE, ExchangeColumns
from services.cards.domain.holdings.daily import day_of, days_of
from services.cards.domain.vocabulary import Card

RARE = Card.DEDICATION
"""The card that is worth buying up."""
_GIFT = ExchangeKind.GIFT.value
_GIVES_CARD = frozenset(state.value for state in GIVES_CARD)


OpenAsk = tuple[int, bool]
"""Who was asked, and whether for the rare card."""


class DayCounts:
    """What happened on one day of Beijing, by person."""

    __slots__ = ("asked", "givers", "offered", "received")

    def __init__(self) -> None:
        self.offered: Counter[int] = Counter()
        """Gifts that a person of this shard offered."""
        self.asked: Counter[int] = Counter()
        """Asks that a person of this shard made."""
        self.received: Counter[int] = Counter()
        """Cards that came to a person of this shard."""
        self.givers: defaultdict[int, set[int]] = defaultdict(set)
        """From whom they came."""


_NOTHING = DayCounts()


class FlowCounts:
    """Only `began`, `ended` and `restored` change it; in any order they come to the same."""

    __slots__ = ("_days", "open_asks", "rare_received", "waiting")

    def __init__(self) -> None:
        self._days: dict[int, DayCounts] = {}
        self.waiting: Counter[int] = Counter()
        """Exchanges that a person of this shard has begun and that have not ended."""
        self.open_asks: dict[int, Counter[OpenAsk]] = {}
        """What a person of this shard has asked for and may still be given."""
        self.rare_received: Counter[int] = Counter()
        """Rare cards that came to a person of this shard."""

    def day(self, time_ms: int) -> DayCounts:
        """The counts of the day of a moment. Not to be changed."""
        return self._days.get(day_of(time_ms), _NOTHING)

    def began(self, opened: ExchangesOpened, sides: Sequence[int]) -> None:
        """Gifts were offered or asks made, as a shard knows that is home to these sides of each."""
        is_gift = opened.kind is ExchangeKind.GIFT
        own, initiator_ids = (
            (GIVER_HERE, opened.giver_ids) if is_gift else (RECEIVER_HERE, opened.receiver_ids)
        )
        # Whoever began something is counted on their own shard.
        counted = [person_id for person_id, side in zip(initiator_ids, sides, strict=True) if side & own]
        self.waiting.update(counted)
        if not is_gift:
            asks = zip(opened.receiver_ids, opened.giver_ids, opened.cards, sides, strict=True)
            for asking_id, giver_id, card, side in asks:
                if side & own:
                    self.open_asks.setdefault(asking_id, Counter())[giver_id, card == RARE] += 1
        day = self._day(opened.opened_at_ms)
        if day is not None:
            (day.offered if is_gift else day.asked).update(counted)

    def ended(self, ended: ExchangesEnded, index: int, side: int) -> None:
        """One of some exchanges that came to their ends."""
        giver_id, receiver_id = ended.giver_ids[index], ended.receiver_ids[index]
        is_gift = ended.kinds[index] == _GIFT
        if side & (GIVER_HERE if is_gift else RECEIVER_HERE):
            self._waits_no_more(giver_id if is_gift else receiver_id)
            if not is_gift:
                self._asks_no_more(receiver_id, (giver_id, ended.cards[index] == RARE))
        if ended.states[index] in _GIVES_CARD and side & RECEIVER_HERE:
            self._received(giver_id, receiver_id, ended.cards[index], ended.ended_at_ms)

    def restored(self, kept: ExchangeColumns) -> None:
        """Counts all exchanges that a snapshot has, with all that happened to them, on fresh counts."""
        rows = _Rows(kept)
        self.waiting = Counter(rows.initiator_ids[rows.is_initiator_here & rows.is_waiting].tolist())
        self.open_asks = rows.open_asks()
        self.rare_received = Counter(rows.receiver_ids[rows.has_come & (rows.cards == RARE)].tolist())
        days = np.concatenate([rows.opened_on, rows.ended_on[rows.has_come]])
        if len(days):
            newest = int(days.max())
            self._days = {day: rows.counts_of(day) for day in (newest - 1, newest)}

    def _waits_no_more(self, person_id: int) -> None:
        self.waiting[person_id] -= 1
        if not self.waiting[person_id]:
            del self.waiting[person_id]

    def _asks_no_more(self, person_id: int, ask: OpenAsk) -> None:
        asks = self.open_asks[person_id]
        asks[ask] -= 1
        if not asks[ask]:
            del asks[ask]
        if not asks:
            del self.open_asks[person_id]

    def _received(self, giver_id: int, receiver_id: int, card: int, time_ms: int) -> None:
        if card == RARE:
            self.rare_received[receiver_id] += 1
        day = self._day(time_ms)
        if day is not None:
            day.received[receiver_id] += 1
            day.givers[receiver_id].add(giver_id)

    def _day(self, time_ms: int) -> DayCounts | None:
        """The counts of a day to be changed; None for a day that is over for good."""
        day = day_of(time_ms)
        newest = max(self._days, default=day)
        if day < newest - 1:
            return None
        for old in [known for known in self._days if known < day - 1]:
            del self._days[old]
        return self._days.setdefault(day, DayCounts())


class _Rows:
    """Exchanges in columns of numpy, and what counts about them."""

    def __init__(self, kept: ExchangeColumns) -> None:
        self.giver_ids, self.receiver_ids = (
            np.frombuffer(ids, np.int64) for ids in (kept.giver_ids, kept.receiver_ids)
        )
        self.cards, kinds, states, sides = (
            np.frombuffer(column, np.uint8) for column in (kept.cards, kept.kinds, kept.states, kept.sides)
        )
        self.opened_on, self.ended_on = (
            days_of(np.frombuffer(times, np.int64)) for times in (kept.opened_at_ms, kept.ended_at_ms)
        )
        self.is_gift = kinds == _GIFT
        self.initiator_ids = np.where(self.is_gift, self.giver_ids, self.receiver_ids)
        self.is_initiator_here = sides & np.where(self.is_gift, GIVER_HERE, RECEIVER_HERE) > 0
        self.is_waiting = np.isin(states, [*WAITING])
        self.has_come = np.isin(states, [*GIVES_CARD]) & (sides & RECEIVER_HERE > 0)

    def open_asks(self) -> dict[int, Counter[OpenAsk]]:
        asks: dict[int, Counter[OpenAsk]] = {}
        rows = np.flatnonzero(self.is_initiator_here & self.is_waiting & ~self.is_gift)
        columns = (self.receiver_ids[rows], self.giver_ids[rows], self.cards[rows] == RARE)
        for asking_id, giver_id, is_rare in zip(*(column.tolist() for column in columns), strict=True):
            asks.setdefault(asking_id, Counter())[giver_id, is_rare] += 1
        return asks

    def counts_of(self, day: int) -> DayCounts:
        counts, begun = DayCounts(), self.is_initiator_here & (self.opened_on == day)
        counts.offered.update(self.initiator_ids[begun & self.is_gift].tolist())
        counts.asked.update(self.initiator_ids[begun & ~self.is_gift].tolist())
        came = self.has_come & (self.ended_on == day)
        counts.received.update(self.receiver_ids[came].tolist())
        for giver_id, receiver_id in zip(
            self.giver_ids[came].tolist(), self.receiver_ids[came].tolist(), strict=True
        ):
            counts.givers[receiver_id].add(giver_id)
        return counts

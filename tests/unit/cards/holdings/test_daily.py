"""The daily limit: by the day in Beijing on which a card was dealt, as it is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from hongbao.cards.v1.events_pb2 import CardsEvent
from services.cards.adapters.records import to_record
from services.cards.adapters.state import CardsState
from services.cards.domain.events import CardsDealt, Change
from services.cards.domain.holdings.daily import DailyDeals, day_of
from services.cards.domain.opening import DealOutcome
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.vocabulary import Source
from tests.unit.cards.games import OPENS_MS, SPRING, a_part, everything

MIDNIGHT_MS = 1_454_860_800_000
"""2016-02-08 in Beijing, 16:00 of the day before in Greenwich."""
PER_DAY = 2
DEALT, KNOWN, LIMIT = DealOutcome.DEALT, DealOutcome.ALREADY_DEALT, DealOutcome.DAILY_LIMIT


class Journal:
    """A shard of a game with a daily limit, and its records."""

    def __init__(self) -> None:
        self.state = CardsState(0)
        self.records: list[bytes] = []
        part = replace(a_part(), deadline_ms=MIDNIGHT_MS + 3_600_000, deals_per_day_max=PER_DAY)
        self.commit(Change(part), OPENS_MS)
        self.commit(Change(everything()), OPENS_MS)

    def commit(self, change: Change, time_ms: int) -> None:
        self.records.append(to_record(change).SerializeToString())
        self.state.apply(len(self.records), time_ms, CardsEvent.FromString(self.records[-1]))

    def deal(self, people: Sequence[int], keys: Sequence[str], now_ms: int) -> list[int]:
        game = self.state.cards.game(SPRING)
        decision = decide_deal(game, Source.TAP, people, keys, now_ms, are_all_own)
        if decision.deal is not None:
            # The journal's clock may be a little later than the one that judged.
            self.commit(Change(CardsDealt((decision.deal,))), now_ms + 5)
        return list(decision.outcomes)

    def crash(self) -> None:
        self.state = CardsState(0)
        for seq, record in enumerate(self.records, start=1):
            self.state.apply(seq, OPENS_MS, CardsEvent.FromString(record))


def test_a_day_begins_at_midnight_in_beijing() -> None:
    assert day_of(MIDNIGHT_MS) == day_of(MIDNIGHT_MS - 1) + 1
    assert day_of(MIDNIGHT_MS) == day_of(MIDNIGHT_MS + 24 * 3_600_000 - 1)


def test_who_had_enough_today_waits_for_midnight_and_keeps_what_was_dealt() -> None:
    journal = Journal()
    assert journal.deal([7, 7, 8, 7], ["a", "b", "a", "c"], MIDNIGHT_MS - 2) == [DEALT, DEALT, DEALT, LIMIT]
    assert journal.deal([7, 7], ["a", "c"], MIDNIGHT_MS - 1) == [KNOWN, LIMIT]
    assert journal.deal([7, 7, 7], ["c", "d", "e"], MIDNIGHT_MS) == [DEALT, DEALT, LIMIT]


def test_an_item_that_is_said_twice_counts_once() -> None:
    assert Journal().deal([7, 7, 7], ["a", "a", "b"], OPENS_MS) == [DEALT, KNOWN, DEALT]


@pytest.mark.parametrize("dealt_ms", [MIDNIGHT_MS - 1, MIDNIGHT_MS])
def test_a_replay_counts_for_the_day_on_which_it_was_judged(dealt_ms: int) -> None:
    journal = Journal()
    journal.deal([7, 7], ["a", "b"], dealt_ms)
    for _ in range(2):
        game = journal.state.cards.game(SPRING)
        before, after = (
            decide_deal(game, Source.TAP, [8, 7], ["x", "x"], now_ms, are_all_own).outcomes
            for now_ms in (MIDNIGHT_MS - 1, MIDNIGHT_MS)
        )
        assert before == [DEALT, LIMIT]
        assert after == [DEALT, DEALT if dealt_ms < MIDNIGHT_MS else LIMIT]
        journal.crash()


def test_a_clock_that_goes_back_over_midnight_gives_no_day_twice() -> None:
    journal = Journal()
    assert journal.deal([7, 7], ["a", "b"], MIDNIGHT_MS) == [DEALT, DEALT]
    assert journal.deal([7], ["c"], MIDNIGHT_MS - 1) == [LIMIT]


def test_more_than_the_limit_cannot_be_on_record() -> None:
    daily = DailyDeals(PER_DAY)
    rows = np.zeros(PER_DAY, np.int64)
    daily.dealt(rows, OPENS_MS)
    with pytest.raises(AssertionError, match="the daily limit is hard"):
        daily.dealt(rows[:1], OPENS_MS)

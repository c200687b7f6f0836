from __future__ import annotations

import numpy as np

from services.allocation.domain.pace import Pace
from services.allocation.domain.stock import Stock
from services.allocation.domain.values import Packets, ReleaseCurve
from tests.unit.allocation.terms import CLOSES_MS, OPENS_MS, people_of, stock_terms

SHARDS = 4
OURS = people_of(1, SHARDS, 40)


def new_stock(curve: ReleaseCurve = ReleaseCurve.IMMEDIATE) -> Stock:
    packets = Packets(count=40, budget_fen=4_000, min_fen=1, max_fen=500)
    return Stock(stock_terms(packets, shard=1, curve=curve), SHARDS)


def win(stock: Stock, people: list[int], now_ms: int) -> None:
    decision = stock.decide(np.array(people, np.int64), now_ms)
    stock.add(decision.first_packet_index, decision.winners, decision.winners_fen)


def test_nothing_is_spare_before_a_whole_window_was_watched() -> None:
    stock, pace = new_stock(), Pace(1_000)
    assert pace.spare(stock, OPENS_MS) == 0
    pace.note(stock, OPENS_MS)
    assert pace.spare(stock, OPENS_MS + 999) == 0
    assert pace.spare(stock, OPENS_MS + 1_000) == 40


def test_what_was_used_in_the_window_is_kept() -> None:
    stock, pace = new_stock(), Pace(1_000)
    used = []
    for step, winners in enumerate([5, 3, 0, 2, 0, 0, 0, 0, 0]):
        now_ms = OPENS_MS + 250 * step
        pace.note(stock, now_ms)
        used.append(pace.used(stock, now_ms))
        if winners:
            win(stock, OURS[stock.totals.packets_won :][:winners], now_ms)
    assert used == [None] * 4 + [10, 5, 2, 2, 0]
    assert pace.spare(stock, now_ms) == 30


def test_only_what_is_released_is_spare_and_only_while_the_window_is_open() -> None:
    stock, pace = new_stock(ReleaseCurve.LINEAR), Pace(1_000)
    half_way = OPENS_MS + 30_000 - 1
    for now_ms in (OPENS_MS, half_way - 1_000, half_way):
        pace.note(stock, now_ms)
    assert pace.spare(stock, half_way) == 20
    pace.note(stock, CLOSES_MS - 1)
    assert pace.spare(stock, CLOSES_MS - 1) == 40
    assert pace.spare(stock, CLOSES_MS) == 0


def test_a_clock_that_is_set_back_begins_a_new_watch() -> None:
    stock, pace = new_stock(), Pace(1_000)
    pace.note(stock, OPENS_MS + 5_000)
    pace.note(stock, OPENS_MS + 1_000)
    assert pace.used(stock, OPENS_MS + 1_500) is None
    assert pace.used(stock, OPENS_MS + 2_000) == 0

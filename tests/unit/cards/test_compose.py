"""The table of odds: scarce cards last until the planned hour, whatever the demand, and limits are exact."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.domain.supply.compose import NO_CARRY, ONE_CARD, compose
from services.cards.domain.supply.curve import AT_ONCE, LINEAR, ReleaseCurve, ReleasePoint
from services.cards.domain.supply.forecast import expected_deals
from services.cards.domain.supply.grants import NO_CARDS, add, subtract
from services.cards.domain.supply.plan import SupplyPlan

HOUR_MS = 3_600_000
WINDOW_MS = 10 * HOUR_MS
counts = st.tuples(*[st.integers(0, 500)] * 5)
RARE = 4
STEPS = 500


@settings(deadline=None)
@given(counts, st.data(), st.integers(1, 300), st.integers(0, 5_000))
def test_a_deck_has_the_size_that_was_asked_for_and_no_card_that_is_not_free(
    left: tuple[int, ...], data: st.DataObject, size: int, expected: int
) -> None:
    free = tuple(data.draw(st.integers(0, kind)) for kind in left)
    carry = data.draw(st.tuples(*[st.integers(-ONE_CARD, ONE_CARD)] * 5))
    deck = compose(size, left, free, expected, carry)
    assert sum(deck.counts) == min(size, sum(free))
    assert all(0 <= count <= kind for count, kind in zip(deck.counts, free, strict=True))
    assert all(abs(rest) <= ONE_CARD for rest in deck.carry)


@settings(deadline=None)
@given(counts, st.lists(st.integers(1, 90), min_size=1, max_size=60), st.integers(0, 3_000))
def test_decks_add_up_to_the_limits_exactly_and_never_beyond(
    limits: tuple[int, ...], sizes: list[int], expected: int
) -> None:
    left, carry = limits, NO_CARRY
    for size in (*sizes, sum(limits)):
        deck = compose(size, left, left, max(0, expected), carry)
        left, carry, expected = subtract(left, deck.counts), deck.carry, expected - size
        assert min(left) >= 0
    assert sum(left) == 0


def test_rounding_is_carried_so_that_many_small_decks_are_as_one_large_one() -> None:
    limits: tuple[int, ...] = (1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000)
    left, carry, expected, out = limits, NO_CARRY, 4_000_000, NO_CARDS
    for _ in range(2_000):
        deck = compose(7, left, left, expected, carry)
        left, carry, expected = subtract(left, deck.counts), deck.carry, expected - 7
        out = add(out, deck.counts)
    # 14,000 of 4,000,000 deals: 3.5 of the rare card, and the others within a card of each other.
    assert out[RARE] in {3, 4}
    assert max(out[:RARE]) - min(out[:RARE]) <= 1


def test_plentiful_kinds_share_equally_what_scarce_ones_leave() -> None:
    left = (9_000, 50_000, 10**9, 10**9, 100)
    assert compose(1_000, left, left, 100_000).counts == (90, 303, 303, 303, 1)


def test_with_less_left_than_expected_each_kind_has_its_share_of_what_is_left() -> None:
    assert compose(10, (40, 30, 20, 10, 0), (40, 30, 20, 10, 0), 1_000).counts == (4, 3, 2, 1, 0)


def test_a_kind_that_is_held_back_leaves_its_place_to_the_others_and_is_owed_nothing() -> None:
    deck = compose(100, (1_000,) * 5, (1_000, 1_000, 1_000, 1_000, 0), 5_000)
    assert deck.counts == (25, 25, 25, 25, 0)
    assert deck.carry[RARE] == 0


def play(
    plan: SupplyPlan,
    demand: Callable[[float], float],
) -> tuple[list[tuple[int, ...]], int]:
    """Cards out after each step, and deals made; `demand` gives the deals of a step at a part of the game."""
    out, carry, dealt, history, owed = NO_CARDS, NO_CARRY, 0, list[tuple[int, ...]](), 0.0
    for step in range(STEPS):
        elapsed_ms = WINDOW_MS * step // STEPS
        owed += demand(step / STEPS)
        left = subtract(plan.limits, out)
        free = tuple(
            max(0, plan.curve.released(limit, elapsed_ms, WINDOW_MS) - gone)
            for limit, gone in zip(plan.limits, out, strict=True)
        )
        size = min(int(owed), sum(free), sum(plan.quotas) - dealt)
        if size:
            deck = compose(size, left, free, expected_deals(plan, WINDOW_MS, elapsed_ms, dealt), carry)
            out, carry, dealt = add(out, deck.counts), deck.carry, dealt + size
        owed -= size
        history.append(out)
    return history, dealt


def a_plan(curve: ReleaseCurve = AT_ONCE, rare_until_ms: int = 0) -> SupplyPlan:
    return SupplyPlan(
        limits=(10**7, 10**7, 10**7, 10**7, 10_000),
        quotas=(10**8, 0, 0, 0),
        curve=curve,
        expected_deals=1_000_000,
        rare_until_offset_ms=rare_until_ms,
    )


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("curve", [AT_ONCE, LINEAR], ids=["at once", "linear"])
def test_the_rare_card_lasts_until_the_deadline_whatever_the_demand(
    factor: float, curve: ReleaseCurve
) -> None:
    history, _ = play(a_plan(curve), lambda _: factor * 2_000)
    rare = [out[RARE] for out in history]
    # There are some in the last tenth of the game, and not many are left at its end.
    assert rare[int(len(rare) * 0.9)] < 10_000
    assert rare[-1] > rare[int(len(rare) * 0.9)]
    assert rare[-1] >= 9_700


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_half_of_the_rare_cards_are_out_near_half_time(factor: float) -> None:
    history, _ = play(a_plan(), lambda _: factor * 2_000)
    assert 3_500 <= history[len(history) // 2][RARE] <= 6_500


@pytest.mark.parametrize("burst_at", [0.0, 0.3, 0.8])
def test_a_burst_does_not_empty_the_rare_card(burst_at: float) -> None:
    """A twentieth of the game with thirty times the usual demand."""
    history, _ = play(a_plan(), lambda part: 60_000 if burst_at <= part < burst_at + 0.05 else 2_000)
    rare = [out[RARE] for out in history]
    assert rare[int(len(rare) * 0.9)] < 10_000
    assert rare[-1] > rare[int(len(rare) * 0.9)]


def test_the_rare_card_lasts_until_the_planned_hour_and_is_nearly_gone_then() -> None:
    history, _ = play(a_plan(rare_until_ms=WINDOW_MS // 2), lambda _: 2_000)
    assert history[int(len(history) * 0.45)][RARE] < 10_000
    assert history[len(history) // 2][RARE] >= 9_700


def test_demand_that_follows_the_curve_meets_the_rare_card_along_the_curve() -> None:
    curve = ReleaseCurve(
        (ReleasePoint(0, 0), ReleasePoint(8 * HOUR_MS, 200_000), ReleasePoint(WINDOW_MS, 1_000_000))
    )
    history, dealt = play(a_plan(curve), lambda part: 500 if part < 0.8 else 8_000)
    assert dealt == pytest.approx(1_000_000, rel=0.01)
    assert 1_000 <= history[int(len(history) * 0.8)][RARE] <= 2_000
    assert history[-1][RARE] >= 9_700


def test_nothing_is_ever_above_what_the_curve_has_released() -> None:
    plan = a_plan(LINEAR)
    history, _ = play(plan, lambda _: 10**6)
    for step, out in enumerate(history):
        elapsed_ms = WINDOW_MS * step // len(history)
        allowed = [plan.curve.released(limit, elapsed_ms, WINDOW_MS) for limit in plan.limits]
        assert all(gone <= most for gone, most in zip(out, allowed, strict=True))

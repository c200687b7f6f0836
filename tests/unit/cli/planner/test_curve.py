"""Intervals over seeds, and the limit that a swept curve leads to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.planner.curve import Curve, Target, target_of
from services.cli.planner.estimate import Estimate, Interval, estimated, interval
from services.cli.planner.game import Outcome
from services.cli.planner.sweep import limits_between

NONE = Interval(0, 0, 0)


def point(rare_limit: int, low: int, high: int) -> Estimate:
    sets = Interval((low + high) // 2, low, high)
    return Estimate(rare_limit, 3, sets, NONE, NONE, NONE, NONE, NONE, NONE, NONE)


def curve() -> Curve:
    return Curve([point(1_000, 890, 910), point(100, 80, 100), point(10_000, 5_000, 6_000)])


def test_the_interval_is_students() -> None:
    # Mean 10, standard deviation 1, three values: 10 ± 4.303 / sqrt(3).
    assert interval([900.0, 1_000.0, 1_100.0]) == Interval(1_000, 752, 1_248)
    assert interval([5.0]) == Interval(5, 5, 5)
    assert interval([0.0, 0.0, 1.0]).low == 0


def test_more_seeds_make_it_narrower() -> None:
    few, many = interval([9.0, 11.0] * 2), interval([90.0, 110.0] * 100)
    assert few.high - few.low > (many.high - many.low) / 10


def test_an_estimate_shares_the_pool_in_whole_fen() -> None:
    outcomes = [Outcome(9, 9, (5, 4, 3, 2), 1_000, sets, 1, 0) for sets in (6, 7, 8)]
    found = estimated(9, outcomes, 1_000)
    assert found.sets == Interval(7, 5, 9)
    assert found.share_fen == Interval(142, 111, 200)
    assert found.completing_ppm.mean == 7_000
    assert found.cards_dealt == Interval(14, 14, 14)


def test_where_nobody_finishes_nothing_is_divided_by_nothing() -> None:
    found = estimated(0, [Outcome(0, 0, (0, 0, 0, 0), 0, 0, 0, 0)] * 2, 1_000)
    assert found.share_fen == Interval(1_000, 1_000, 1_000)


@pytest.mark.parametrize(
    ("target", "limit"),
    [
        (Target(sets_min=890), 1_000),
        (Target(sets_min=485), 550),
        (Target(sets_min=5_001), None),
        (Target(sets_min=1), 100),
        (Target(sets_max=910), 1_000),
        (Target(sets_max=505), 550),
        (Target(sets_max=99), None),
        (Target(sets_max=6_000), 10_000),
        (Target(sets_max=1_000_000), 10_000),
    ],
)
def test_bisection_finds_the_limit_of_a_target(target: Target, limit: int | None) -> None:
    assert curve().solve(target, 1) == limit


@given(sets=st.integers(1, 7_000), step=st.integers(1, 300))
def test_limits_that_are_solved_meet_their_targets_on_the_curve(sets: int, step: int) -> None:
    at_least, at_most = curve().solve(Target(sets_min=sets), step), curve().solve(Target(sets_max=sets), step)
    if at_least is not None:
        assert at_least % step == 0
        assert curve()._low(at_least) >= sets
        assert at_least - step < 100 or curve()._low(at_least - step) < sets
    if at_most is not None:
        assert curve()._within(at_most, Target(sets_max=sets))


def test_a_target_counts_the_whole_interval() -> None:
    estimate = point(1_000, 890, 910)
    assert Target(sets_min=890, sets_max=910).holds(estimate)
    assert not Target(sets_min=891).holds(estimate)
    assert not Target(sets_max=909).holds(estimate)


def test_the_best_limit_has_as_few_or_as_many_rare_cards_as_the_target_asks() -> None:
    played = curve()
    people, share = played.best(Target(sets_min=500)), played.best(Target(sets_max=950))
    assert people is not None
    assert share is not None
    assert (people.rare_limit, share.rare_limit) == (1_000, 1_000)
    assert played.best(Target(sets_min=500, sets_max=600)) is None


def test_noise_does_not_make_the_curve_fall() -> None:
    noisy = Curve([point(100, 90, 100), point(200, 80, 90), point(300, 300, 300)])
    assert noisy.solve(Target(sets_min=90), 1) == 100


def test_a_share_is_a_number_of_sets() -> None:
    assert target_of(None, 5_000, 21_500_000_000) == Target(sets_max=4_300_000)
    assert target_of(20_000_000, None, 21_500_000_000) == Target(sets_min=20_000_000)
    assert target_of(None, None, 1) is None
    with pytest.raises(ValueError, match="pool is smaller"):
        target_of(20_000_000, 5_000, 21_500_000_000)


def test_where_the_mean_curve_has_so_many_sets_is_told() -> None:
    assert curve().limit_for(900) == 1_000
    assert curve().limit_for(7_000) is None


@given(lowest=st.integers(1, 10**6), factor=st.integers(2, 1_000), count=st.integers(2, 30))
def test_limits_of_a_sweep_rise_from_the_lowest_to_the_highest(lowest: int, factor: int, count: int) -> None:
    limits = limits_between(lowest, lowest * factor, count, always=(826_888,))
    assert limits[0] == lowest
    assert limits[-1] == lowest * factor
    assert list(limits) == sorted(set(limits))
    assert (826_888 in limits) or not lowest <= 826_888 <= lowest * factor

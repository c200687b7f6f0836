"""Sharing a pool: equal, exact, and at full scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cards.domain.sets.luck import lucky_shares
from services.settlement.domain.pool import LUCK_CLASSES, divide_by_luck, divide_pool


def test_the_pool_of_2016_gives_271_yuan_66_to_each_of_791_405_people() -> None:
    division = divide_pool(21_500_000_000, [197_852, 197_851, 197_851, 197_851])
    assert sum(division.sets_by_shard) == 791_405
    assert division.share_fen == 27_166
    assert division.remainder_fen == 691_770
    assert sum(division.shard_fen(shard) for shard in range(4)) + division.remainder_fen == 21_500_000_000


@given(pool_fen=st.integers(0, 10**15), sets=st.lists(st.integers(0, 10**9), min_size=1, max_size=16))
def test_shares_and_remainder_are_the_pool_and_no_share_could_be_larger(
    pool_fen: int, sets: list[int]
) -> None:
    division = divide_pool(pool_fen, sets)
    paid_fen = sum(division.shard_fen(shard) for shard in range(len(sets)))
    assert paid_fen + division.remainder_fen == pool_fen
    assert sum(sets) == 0 or 0 <= division.remainder_fen < sum(sets)


LUCKS = st.lists(st.integers(1, LUCK_CLASSES), max_size=40)


def by_luck(lucks: list[int]) -> list[int]:
    return [lucks.count(luck) for luck in range(1, LUCK_CLASSES + 1)]


@given(pool_fen=st.integers(0, 10**12), by_shard=st.lists(LUCKS, min_size=1, max_size=5))
def test_lucky_shares_are_those_that_cards_decides_and_make_up_the_pool(
    pool_fen: int, by_shard: list[list[int]]
) -> None:
    """Two services compute them on their own: here they are compared."""
    total = by_luck([luck for lucks in by_shard for luck in lucks])
    shares_fen = lucky_shares(pool_fen, total)
    worth_fen = [sum(shares_fen[luck - 1] for luck in lucks) for lucks in by_shard]
    division = divide_by_luck(pool_fen, [len(lucks) for lucks in by_shard], total, worth_fen)
    assert division.luck_shares_fen == shares_fen
    for shard, lucks in enumerate(by_shard):
        assert division.worth_fen(bytes(lucks), len(lucks)) == division.shard_fen(shard)
        assert division.amounts_fen(bytes(lucks), len(lucks)) == [shares_fen[luck - 1] for luck in lucks]
    assert sum(worth_fen) + division.remainder_fen == pool_fen


@pytest.mark.parametrize(
    ("sets", "lucks", "shard_fen", "says"),
    [
        ([1, 1], [100], [500, 500], "its luck"),
        ([1, 1], [100, 100], [500, 499], "come to 1000"),
        ([1, 1], [100, 100], [1000], "come to 1000"),
        ([1, 1], [100, 100], [1001, -1], "below 0"),
    ],
)
def test_lucky_sums_that_contradict_each_other_are_refused(
    sets: list[int], lucks: list[int], shard_fen: list[int], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        divide_by_luck(1_000, sets, by_luck(lucks), shard_fen)


def test_a_pool_that_nobody_completed_for_stays_whole() -> None:
    division = divide_pool(100, [0, 0])
    assert (division.share_fen, division.remainder_fen) == (0, 100)


@pytest.mark.parametrize(("pool_fen", "sets"), [(-1, [1]), (1, [2, -1])])
def test_negative_pools_and_sets_are_refused(pool_fen: int, sets: list[int]) -> None:
    with pytest.raises(ValueError, match="below 0"):
        divide_pool(pool_fen, sets)

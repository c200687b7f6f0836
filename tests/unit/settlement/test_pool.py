"""Sharing a pool: equal, exact, and at full scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.settlement.domain.pool import divide_pool


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


def test_a_pool_that_nobody_completed_for_stays_whole() -> None:
    division = divide_pool(100, [0, 0])
    assert (division.share_fen, division.remainder_fen) == (0, 100)


@pytest.mark.parametrize(("pool_fen", "sets"), [(-1, [1]), (1, [2, -1])])
def test_negative_pools_and_sets_are_refused(pool_fen: int, sets: list[int]) -> None:
    with pytest.raises(ValueError, match="below 0"):
        divide_pool(pool_fen, sets)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.domain.events import GameCreated
from services.cards.domain.sets.pool import decide_pool
from tests.unit.cards.games import SEED, an_order, seals


def a_created_game(pool_fen: int, shard_count: int) -> GameCreated:
    return GameCreated(an_order(pool_fen=pool_fen), SEED, shard_count)


@pytest.mark.parametrize(
    ("pool_fen", "sets_by_shard", "share_fen", "remainder_fen"),
    [
        (21_500_000_000, [791_405, 0], 27_166, 21_500_000_000 - 791_405 * 27_166),
        (21_500_000_000, [20_000_000, 0], 1_075, 0),
        (100, [1, 1, 1], 33, 1),
        (2, [1, 1, 1], 0, 2),
        (100, [0, 0, 0], 0, 100),
        (100, [100], 1, 0),
    ],
)
def test_the_pool_is_shared_equally_and_the_rest_is_named(
    pool_fen: int, sets_by_shard: list[int], share_fen: int, remainder_fen: int
) -> None:
    decision = decide_pool(a_created_game(pool_fen, len(sets_by_shard)), seals(*sets_by_shard))
    assert (decision.share_fen, decision.remainder_fen) == (share_fen, remainder_fen)


@settings(deadline=None)
@given(st.integers(1, 10**12), st.lists(st.integers(0, 10**7), min_size=1, max_size=16))
def test_shares_and_remainder_are_exactly_the_pool(pool_fen: int, sets_by_shard: list[int]) -> None:
    decision = decide_pool(a_created_game(pool_fen, len(sets_by_shard)), seals(*sets_by_shard))
    assert decision.share_fen * sum(sets_by_shard) + decision.remainder_fen == pool_fen
    sets = sum(sets_by_shard)
    assert decision.remainder_fen < sets if sets else decision.remainder_fen == pool_fen


def test_a_home_shard_that_starts_over_decides_the_same() -> None:
    game = a_created_game(1_000, 3)
    assert decide_pool(game, seals(1, 2, 3)) == decide_pool(game, seals(1, 2, 3))

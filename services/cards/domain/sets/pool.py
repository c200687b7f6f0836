"""How the pool is shared: equally, rounded down, with a remainder that is booked by name."""

from __future__ import annotations

from collections.abc import Sequence

from services.cards.domain.events import GameCreated, PoolDecided


def decide_pool(game: GameCreated, sets_by_shard: Sequence[int]) -> PoolDecided:
    """The decision for a game whose shards are all sealed with these counts of sets.

    A function of its arguments alone, so that a home shard that is interrupted and starts over decides the
    same. Without any set the share is 0 and the remainder is the whole pool.
    """
    assert len(sets_by_shard) == game.shard_count, "every shard has a count"
    assert min(sets_by_shard) >= 0, "counts are not negative"
    sets = sum(sets_by_shard)
    pool_fen = game.order.pool_fen
    share_fen = pool_fen // sets if sets else 0
    remainder_fen = pool_fen - share_fen * sets
    assert remainder_fen >= 0, "no more is shared than there is"
    assert not sets or remainder_fen < sets, "a remainder that could be shared is shared"
    return PoolDecided(
        campaign_id=game.order.campaign_id,
        sponsor_id=game.order.sponsor_id,
        pool_hold_id=game.order.pool_hold_id,
        pool_fen=pool_fen,
        share_fen=share_fen,
        remainder_fen=remainder_fen,
        sets_by_shard=tuple(sets_by_shard),
        seed=game.seed,
    )

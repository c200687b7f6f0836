"""How the pool is shared: equally or by luck, rounded down, with a remainder that is booked by name."""

from __future__ import annotations

from collections.abc import Sequence

from services.cards.domain.events import GameCreated, PoolDecided, ShardSealed
from services.cards.domain.sets.luck import lucky_shares, worth_fen
from services.cards.domain.vocabulary import ShareMode


def decide_pool(game: GameCreated, seals: Sequence[ShardSealed]) -> PoolDecided:
    """The decision for a game whose shards are all sealed, one seal for each shard in order.

    A function of its arguments alone, so that a home shard that is interrupted and starts over decides the
    same. Without any set there are no shares and the remainder is the whole pool.
    """
    assert [seal.shard for seal in seals] == list(range(game.shard_count)), "every shard is sealed"
    is_lucky = game.order.share_mode is ShareMode.LUCKY
    decision = _by_luck(game, seals) if is_lucky else _equally(game, seals)
    shares_fen = decision.shares_fen
    assert shares_fen + decision.remainder_fen == decision.pool_fen, "shares and remainder are the pool"
    sets = sum(decision.sets_by_shard)
    assert decision.remainder_fen >= 0, "no more is shared than there is"
    assert not sets or decision.remainder_fen < sets, "a remainder that could be shared is shared"
    return decision


def _equally(game: GameCreated, seals: Sequence[ShardSealed]) -> PoolDecided:
    sets = sum(seal.sets_completed for seal in seals)
    pool_fen = game.order.pool_fen
    share_fen = pool_fen // sets if sets else 0
    return _decision(game, seals, share_fen=share_fen, remainder_fen=pool_fen - share_fen * sets)


def _by_luck(game: GameCreated, seals: Sequence[ShardSealed]) -> PoolDecided:
    sets_by_luck = tuple(sum(counts) for counts in zip(*(seal.sets_by_luck for seal in seals), strict=True))
    pool_fen = game.order.pool_fen
    shares_fen = lucky_shares(pool_fen, sets_by_luck)
    return _decision(
        game,
        seals,
        remainder_fen=pool_fen - worth_fen(shares_fen, sets_by_luck),
        sets_by_luck=sets_by_luck,
        luck_shares_fen=shares_fen,
        shard_shares_fen=tuple(worth_fen(shares_fen, seal.sets_by_luck) for seal in seals),
    )


def _decision(
    game: GameCreated,
    seals: Sequence[ShardSealed],
    *,
    share_fen: int = 0,
    remainder_fen: int,
    sets_by_luck: tuple[int, ...] = (),
    luck_shares_fen: tuple[int, ...] = (),
    shard_shares_fen: tuple[int, ...] = (),
) -> PoolDecided:
    return PoolDecided(
        campaign_id=game.order.campaign_id,
        sponsor_id=game.order.sponsor_id,
        pool_hold_id=game.order.pool_hold_id,
        pool_fen=game.order.pool_fen,
        share_fen=share_fen,
        remainder_fen=remainder_fen,
        sets_by_shard=tuple(seal.sets_completed for seal in seals),
        seed=game.seed,
        share_mode=game.order.share_mode,
        sets_by_luck=sets_by_luck,
        luck_shares_fen=luck_shares_fen,
        shard_shares_fen=shard_shares_fen,
    )

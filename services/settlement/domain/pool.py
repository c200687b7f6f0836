"""Sharing a pool: equal shares, rounded down, and a remainder that is booked too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolDivision:
    """A pool cut into equal shares."""

    pool_fen: int
    share_fen: int
    """What each completed set is paid, fen; 0 when there is none, or when there are more sets than fen."""
    remainder_fen: int
    """What the shares leave over, fen; the whole pool when there is no set."""
    sets_by_shard: tuple[int, ...]
    """Completed sets, by cards shard."""

    def shard_fen(self, cards_shard: int) -> int:
        """What the completers of one cards shard get together, fen."""
        return self.share_fen * self.sets_by_shard[cards_shard]


def divide_pool(pool_fen: int, sets_by_shard: Sequence[int]) -> PoolDivision:
    """Divides a pool equally; the sum of all shares and the remainder is the pool to the fen.

    Raises ValueError for a pool below 0 or a negative number of sets.
    """
    if pool_fen < 0 or any(sets < 0 for sets in sets_by_shard):
        raise ValueError("neither a pool nor a number of sets can be below 0")
    sets = sum(sets_by_shard)
    share_fen, remainder_fen = divmod(pool_fen, sets) if sets else (0, pool_fen)
    assert share_fen * sets + remainder_fen == pool_fen, "shares and remainder make up the pool"
    assert remainder_fen < sets or not sets, "no share could have been larger"
    return PoolDivision(pool_fen, share_fen, remainder_fen, tuple(sets_by_shard))

"""Sharing a pool: equal or lucky shares, rounded down, and a remainder that is booked too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LUCK_CLASSES = 199
"""Luck is a class from 1 to this, drawn by cards."""


@dataclass(frozen=True, slots=True)
class PoolDivision:
    """A pool cut into shares."""

    pool_fen: int
    share_fen: int
    """What each completed set is paid, fen; 0 when there is none, when there are more sets than fen, and with
    lucky shares."""
    remainder_fen: int
    """What the shares leave over, fen; the whole pool when there is no set."""
    sets_by_shard: tuple[int, ...]
    """Completed sets, by cards shard."""
    luck_shares_fen: tuple[int, ...] = ()
    """What a set of each class from 1 to 199 is paid, fen; empty with equal shares."""
    shard_shares_fen: tuple[int, ...] = ()
    """What the completers of each cards shard get together, fen; empty with equal shares."""

    @property
    def is_lucky(self) -> bool:
        """Whether shares differ by luck."""
        return bool(self.luck_shares_fen)

    def shard_fen(self, cards_shard: int) -> int:
        """What the completers of one cards shard get together, fen."""
        if self.is_lucky:
            return self.shard_shares_fen[cards_shard]
        return self.share_fen * self.sets_by_shard[cards_shard]

    def amounts_fen(self, luck_classes: bytes | bytearray, sets: int) -> list[int]:
        """What each of so many sets is paid, fen, in the order of their luck."""
        if not self.is_lucky:
            return [self.share_fen] * sets
        shares_fen = (0, *self.luck_shares_fen)
        return [shares_fen[luck_class] for luck_class in luck_classes]

    def worth_fen(self, luck_classes: bytes | bytearray, sets: int) -> int:
        """What so many sets are paid together, fen."""
        if not self.is_lucky:
            return self.share_fen * sets
        counts = np.bincount(np.frombuffer(luck_classes, np.uint8), minlength=LUCK_CLASSES + 1).tolist()
        return sum(count * fen for count, fen in zip(counts[1:], self.luck_shares_fen, strict=True))


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


def divide_by_luck(
    pool_fen: int,
    sets_by_shard: Sequence[int],
    sets_by_luck: Sequence[int],
    shard_shares_fen: Sequence[int],
) -> PoolDivision:
    """Divides a pool by luck: a fen for each set, and of what is left its part by class, rounded down.

    Without a set, or with fewer fen than sets, nothing is shared. `shard_shares_fen` is what cards says each
    shard's sets are worth; here only their sum can be checked. The sum of all shares and the remainder is the
    pool to the fen.

    Raises ValueError for counts that contradict each other, and for sums that the shares do not come to.
    """
    sets = sum(sets_by_shard)
    if pool_fen < 0 or min(*sets_by_shard, *sets_by_luck, *shard_shares_fen) < 0:
        raise ValueError("neither a pool nor a number of sets can be below 0")
    if len(sets_by_luck) != LUCK_CLASSES or sum(sets_by_luck) != sets:
        raise ValueError("each set has its luck")
    shares_fen = (0,) * LUCK_CLASSES
    if 0 < sets <= pool_fen:
        weight = sum(luck * count for luck, count in enumerate(sets_by_luck, start=1))
        shares_fen = tuple(1 + (pool_fen - sets) * luck // weight for luck in range(1, LUCK_CLASSES + 1))
    worth_fen = sum(fen * count for fen, count in zip(shares_fen, sets_by_luck, strict=True))
    if len(shard_shares_fen) != len(sets_by_shard) or sum(shard_shares_fen) != worth_fen:
        raise ValueError(f"the shards' shares should come to {worth_fen} fen")
    remainder_fen = pool_fen - worth_fen
    assert remainder_fen >= 0, "no more is shared than there is"
    assert remainder_fen < sets or not any(shares_fen), "rounding leaves less than a fen for each set"
    return PoolDivision(pool_fen, 0, remainder_fen, tuple(sets_by_shard), shares_fen, tuple(shard_shares_fen))

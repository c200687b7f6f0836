"""How a pool was shared, put beside what the sets of all shards give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.allocation.domain.proofs import Mismatch
from services.cards.domain.sets.luck import LUCK_CLASSES, lucky_shares, worth_fen
from services.cards.domain.vocabulary import ShareMode
from services.cli.proofs.cards.statement import Outcome, Statement


class ShardSets(Protocol):
    """The sets of one shard."""

    @property
    def shard(self) -> int:
        """Its number."""
        ...

    @property
    def sets_completed(self) -> int:
        """All of them."""
        ...

    @property
    def sets_by_luck(self) -> tuple[int, ...]:
        """Those of each class of luck; empty with equal shares."""
        ...


def check_outcome(statement: Statement, sets: Sequence[ShardSets], said: Outcome) -> None:
    """Raises `Mismatch` for the first thing that is not shared as the rule says."""
    is_lucky = statement.share_mode is ShareMode.LUCKY
    for shard in sets:
        if len(shard.sets_by_luck) != (LUCK_CLASSES if is_lucky else 0):
            raise Mismatch(
                f"the luck of the sets of shard {shard.shard} does not fit {statement.share_mode.name}"
            )
        if is_lucky and sum(shard.sets_by_luck) != shard.sets_completed:
            raise Mismatch(
                f"shard {shard.shard} is said to have {shard.sets_completed} sets, its luck is that of "
                f"{sum(shard.sets_by_luck)}"
            )
    right = _by_luck(statement.pool_fen, sets) if is_lucky else _equally(statement.pool_fen, sets)
    for field, what in _FIELDS.items():
        told, given = getattr(said, field), getattr(right, field)
        if told != given:
            raise Mismatch(f"{what} {_first_difference(told, given)}")


_FIELDS = {
    "sets_by_shard": "the sets of all shards are",
    "sets_by_luck": "the sets by luck are",
    "share_fen": "the share is",
    "luck_shares_fen": "the shares by luck are",
    "shard_shares_fen": "the shares of all shards are",
    "remainder_fen": "the remainder is",
}


def _equally(pool_fen: int, sets: Sequence[ShardSets]) -> Outcome:
    by_shard = tuple(shard.sets_completed for shard in sets)
    share_fen = pool_fen // sum(by_shard) if sum(by_shard) else 0
    return Outcome(by_shard, share_fen, pool_fen - share_fen * sum(by_shard))


def _by_luck(pool_fen: int, sets: Sequence[ShardSets]) -> Outcome:
    by_luck = tuple(sum(counts) for counts in zip(*(shard.sets_by_luck for shard in sets), strict=True))
    shares_fen = lucky_shares(pool_fen, by_luck)
    return Outcome(
        sets_by_shard=tuple(shard.sets_completed for shard in sets),
        share_fen=0,
        remainder_fen=pool_fen - worth_fen(shares_fen, by_luck),
        sets_by_luck=by_luck,
        luck_shares_fen=shares_fen,
        shard_shares_fen=tuple(worth_fen(shares_fen, shard.sets_by_luck) for shard in sets),
    )


def _first_difference(told: int | tuple[int, ...], given: int | tuple[int, ...]) -> str:
    if isinstance(told, tuple) and isinstance(given, tuple):
        for place, (one, other) in enumerate(zip(told, given, strict=False)):
            if one != other:
                return f"said to be {one} at place {place}; the rule gives {other}"
        return f"said to be {len(told)} numbers; the rule gives {len(given)}"
    return f"said to be {told}; the rule gives {given}"

"""Whether a game is open: from `opens_at` to the deadline's millisecond."""

from __future__ import annotations

import enum

from services.cards.domain.errors import DeadlinePassed, GameNotOpen
from services.cards.domain.game import ShardGame


class DealOutcome(enum.IntEnum):
    """What became of one item of a batch; numbers are those of the contract."""

    DEALT = 1
    ALREADY_DEALT = 2
    SUPPLY_EXHAUSTED = 3
    QUOTA_EXHAUSTED = 4
    NOT_OPEN = 5
    CLOSED = 6
    WRONG_SHARD = 7
    NOT_RELEASED = 20
    DAILY_LIMIT = 30


def check_open(game: ShardGame, now_ms: int) -> None:
    """Raises `GameNotOpen` or `DeadlinePassed` unless cards may be given and completed now."""
    reason = refusal(game, now_ms)
    if reason is DealOutcome.NOT_OPEN:
        raise GameNotOpen(game.prepared.campaign_id, game.prepared.opens_at_ms)
    if reason is DealOutcome.CLOSED:
        raise DeadlinePassed(game.prepared.campaign_id, game.prepared.deadline_ms)


def refusal(game: ShardGame, now_ms: int) -> DealOutcome | None:
    """Why nothing may be dealt, given or completed now; None when it may."""
    # The seal counts even if the wall clock went back behind the deadline since.
    if game.sets.sealed is not None or now_ms >= game.prepared.deadline_ms:
        return DealOutcome.CLOSED
    if now_ms < game.prepared.opens_at_ms:
        return DealOutcome.NOT_OPEN
    return None

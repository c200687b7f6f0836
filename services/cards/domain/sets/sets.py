"""The sets of a game on one shard: who completed one, the seal, and how the pool is shared."""

from __future__ import annotations

from services.cards.domain.events import PoolDecided, Recorded, SetCompleted, ShardSealed
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.holdings import Holdings


class Sets:
    """Only the `*_happened` methods change it."""

    __slots__ = ("completed_at_ms", "decision", "sealed")

    def __init__(self) -> None:
        self.completed_at_ms: dict[int, int] = {}
        """Who completed a set, and when."""
        self.sealed: ShardSealed | None = None
        self.decision: PoolDecided | None = None

    @property
    def count(self) -> int:
        """Sets spent by persons of this shard."""
        return len(self.completed_at_ms)

    def completion_happened(self, holdings: Holdings, completion: SetCompleted, recorded: Recorded) -> None:
        """Spends one of each card."""
        assert self.sealed is None, "no set is completed after the seal"
        assert completion.person_id not in self.completed_at_ms, "a person completes once"
        cause = Cause(MovementKind.SPENT, completion.completed_at_ms, recorded.seq)
        holdings.take_set(completion.person_id, cause)
        self.completed_at_ms[completion.person_id] = completion.completed_at_ms

    def seal_happened(self, seal: ShardSealed) -> None:
        """Fixes the counts."""
        assert self.sealed is None, "a shard is sealed once"
        assert seal.sets_completed == self.count, "the seal counts every set"
        self.sealed = seal

    def decision_happened(self, decision: PoolDecided) -> None:
        """Keeps how the pool is shared."""
        assert self.sealed is not None, "the pool is decided after the seal"
        assert self.decision is None, "the pool is decided once"
        self.decision = decision

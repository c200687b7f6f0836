"""What one process counts about the claims that it answers, since its start."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class ClaimFigures:
    """Plain numbers: they are added to for every batch."""

    claims: int = 0
    wins: int = 0
    batches: int = 0
    batches_refused: int = 0
    in_flight: Counter[int] = field(default_factory=Counter)
    """Batches under way, by shard."""

    def decided(self, claims: int, wins: int) -> None:
        """Counts a batch of so many claims that was decided and is durable."""
        self.batches += 1
        self.claims += claims
        self.wins += wins

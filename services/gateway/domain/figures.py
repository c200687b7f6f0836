"""What the gateway counts about itself, for the operator."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field


class Outcome(enum.Enum):
    """How a tap's attempt ended."""

    # Members are single objects; enum's own hash runs Python for every look-up of every tap.
    __hash__ = object.__hash__

    WON = enum.auto()
    ALREADY_WON = enum.auto()
    MISS = enum.auto()
    SOLD_OUT = enum.auto()
    NOT_OPEN = enum.auto()
    CLOSED = enum.auto()


@dataclass(slots=True)
class Count:
    """Taps of one outcome."""

    taps: int = 0
    """Touches reported."""
    reports: int = 0
    """Reports, one attempt each."""


def _none_yet() -> dict[Outcome, Count]:
    return {outcome: Count() for outcome in Outcome}


@dataclass(slots=True)
class Figures:
    """Counters since the start of the process."""

    answered_here: dict[Outcome, Count] = field(default_factory=_none_yet)
    """By outcome: decided by this gateway alone."""
    answered_by_owners: dict[Outcome, Count] = field(default_factory=_none_yet)
    """By outcome: decided by the owner of the stock."""
    batches: int = 0
    batches_repeated: int = 0
    batch_claims: int = 0
    batch_claims_max: int = 0
    taps_over_rate: int = 0
    taps_overloaded: int = 0
    taps_unanswered: int = 0
    tokens_verified: int = 0

    def count_batch(self, claims: int, *, is_repeat: bool) -> None:
        """Counts a batch that is being sent."""
        self.batches += 1
        self.batches_repeated += is_repeat
        self.batch_claims += claims
        self.batch_claims_max = max(self.batch_claims_max, claims)

    def by_outcome(self) -> Iterator[tuple[Outcome, bool, Count]]:
        """Each outcome that happened, with whether it was decided here."""
        for here, counts in ((True, self.answered_here), (False, self.answered_by_owners)):
            for outcome in Outcome:
                if counts[outcome].reports:
                    yield outcome, here, counts[outcome]

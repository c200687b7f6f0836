"""What applications ask for: steps with their evidence, and which of them a level needs."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from services.identity.domain.bank_cards import CardNumber
from services.identity.domain.evidence import tier_of
from services.identity.domain.names import PersonName
from services.identity.domain.people import Tier
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.verifying.photos import Photo

STEPS_MAX: Final = 16
"""Steps of a level at most; the contract promises it."""


class StepKind(enum.IntEnum):
    """What a step asks for; numbers are the contract's."""

    NAME_AND_NUMBER = 1
    PHOTO_FRONT = 2
    PHOTO_BACK = 3
    PHOTO_HAND_HELD = 4
    BANK_CARD = 5


PHOTOS: Final = frozenset((StepKind.PHOTO_FRONT, StepKind.PHOTO_BACK, StepKind.PHOTO_HAND_HELD))


class StepState(enum.IntEnum):
    """Where a step stands; numbers are the contract's."""

    MISSING = 1
    GIVEN = 2
    CHECKING = 3
    PASSED = 4
    REFUSED = 5
    UNANSWERED = 6


@dataclass(frozen=True, slots=True)
class NameAndNumber:
    """Evidence of who somebody is said to be."""

    name: PersonName
    resident_id: ResidentId

    @property
    def masked(self) -> str:
        """The number, masked."""
        return self.resident_id.masked


@dataclass(frozen=True, slots=True)
class CardAndPhone:
    """Evidence that a bank can confirm."""

    card: CardNumber
    phone: str = field(repr=False)

    @property
    def masked(self) -> str:
        """The card's number, masked."""
        return self.card.masked


Evidence = NameAndNumber | Photo | CardAndPhone


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an application."""

    kind: StepKind
    ordinal: int = 1
    """Which of several of its kind, from 1."""
    state: StepState = StepState.MISSING
    evidence: Evidence | None = None
    """What was given; not kept longer than somebody may still be asked about it, but for photos."""
    masked: str = ""
    """What is shown of it."""
    reason: str = ""
    """Wire name of the error reason why it was refused or not answered."""
    failed_step: str = ""
    case_number: str = ""
    changed_ms: int = 0
    """When it changed last; 0 while nothing was given."""

    def given(self, evidence: Evidence, now_ms: int) -> Step:
        """The step with other evidence."""
        return Step(self.kind, self.ordinal, StepState.GIVEN, evidence, evidence.masked, changed_ms=now_ms)

    def moved(self, state: StepState, now_ms: int) -> Step:
        """The step in a state that needs no reason; evidence that has done its work is let go."""
        kept = self.evidence if state is not StepState.PASSED or self.kind in PHOTOS else None
        return replace(
            self, state=state, evidence=kept, reason="", failed_step="", case_number="", changed_ms=now_ms
        )


class LevelUnreachable(ValueError):
    """The steps asked for do not make the tier. The message says why."""


def steps_of(kinds: Sequence[StepKind], level: Tier) -> tuple[Step, ...]:
    """The steps of an application for a level. Raises `LevelUnreachable`."""
    check_level(kinds, level)
    counts: dict[StepKind, int] = {}
    steps = []
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
        steps.append(Step(kind, counts[kind]))
    return tuple(steps)


def check_level(kinds: Sequence[StepKind], level: Tier) -> None:
    """Raises `LevelUnreachable` unless passing all these steps makes the tier."""
    if not 1 <= len(kinds) <= STEPS_MAX:
        raise LevelUnreachable(f"a level has 1 to {STEPS_MAX} steps")
    repeated = {kind for kind in kinds if kinds.count(kind) > 1} - {StepKind.BANK_CARD}
    if repeated:
        raise LevelUnreachable(f"only cards may be asked for more than once, not {min(repeated).name}")
    if StepKind.NAME_AND_NUMBER not in kinds:
        raise LevelUnreachable("every level needs NAME_AND_NUMBER")
    reached = tier_of(kinds.count(StepKind.BANK_CARD), int(any(kind in PHOTOS for kind in kinds)))
    if reached < level:
        raise LevelUnreachable(f"these steps make tier {reached.name}, not {level.name}")

"""A score, and when it has to be computed anew."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from services.identity.domain.credit.raises import Gain, gains_of
from services.identity.domain.credit.rules import (
    POINTS_MAX,
    RULES_VERSION,
    SCORE_MIN,
    Factor,
    points_of,
    score_of,
)
from services.identity.domain.credit.signals import OwnFacts, Signals
from services.identity.domain.people import PersonId


class FactorState(enum.IntEnum):
    """What a factor was computed from; numbers are the contract's."""

    FRESH = 1
    LAST_KNOWN = 2
    NEUTRAL = 3


@dataclass(frozen=True, slots=True)
class FactorPoints:
    """One factor of a score."""

    factor: Factor
    points: int
    points_max: int
    state: FactorState
    as_of_ms: int | None
    """None where something was never known."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score as it stood at a moment."""

    person_id: PersonId
    version: int
    """From 1 without gaps for each person; 0 while it is not kept."""
    score: int
    rules_version: int
    computed_ms: int
    factors: tuple[FactorPoints, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """A score, and what explains it."""

    score: Score
    signals: Signals | None
    """What it was computed from; None for somebody whom nobody knows."""

    @property
    def is_known(self) -> bool:
        """Whether there is such a person."""
        return self.signals is not None

    @property
    def gains(self) -> Sequence[Gain]:
        """What would raise it, what brings most first."""
        return () if self.signals is None else gains_of(self.signals)


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest score of a person, and what it was computed from."""

    score: Score
    signals: Signals


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old scores may be."""

    age_ms_max: int
    retry_ms: int
    """How old one may be for which somebody could not be asked."""

    def holds(self, kept: Kept, own: OwnFacts, now_ms: int) -> bool:
        """Whether a score still stands, given what identity knows itself by now."""
        score = kept.score
        if score.rules_version != RULES_VERSION or kept.signals.own != own:
            return False
        is_fresh = all(factor.state is FactorState.FRESH for factor in score.factors)
        age_ms = now_ms - score.computed_ms
        # A clock that was set back makes nothing fresh for ever.
        return 0 <= age_ms < (self.age_ms_max if is_fresh else self.retry_ms)


def computed(person_id: PersonId, signals: Signals) -> Score:
    """The score of signals, not kept yet."""
    factors = tuple(
        FactorPoints(
            added.factor,
            added.points,
            POINTS_MAX[added.factor],
            _state(added.as_of_ms, signals.now_ms),
            added.as_of_ms,
        )
        for added in points_of(signals)
    )
    return Score(person_id, 0, score_of(signals), RULES_VERSION, signals.now_ms, factors)


def explained(kept: Kept) -> Explained:
    """The score, and what explains it."""
    return Explained(kept.score, kept.signals)


def of_nobody(person_id: PersonId, now_ms: int) -> Explained:
    """What is told of somebody whom nobody knows."""
    return Explained(Score(person_id, 0, SCORE_MIN, RULES_VERSION, now_ms, ()), None)


def _state(as_of_ms: int | None, now_ms: int) -> FactorState:
    if as_of_ms is None:
        return FactorState.NEUTRAL
    return FactorState.FRESH if as_of_ms == now_ms else FactorState.LAST_KNOWN

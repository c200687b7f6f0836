"""From signals to points: weights and curves. Whoever changes one raises `RULES_VERSION`.

Every factor is worth 0 to 1,000; a curve's worths are parts of that. What is neutral is less than most people
have, so nobody gains by keeping others from being asked.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.identity.domain.credit.curves import curve
from services.identity.domain.credit.signals import Signals

RULES_VERSION: Final = 1
SCORE_MIN: Final = 350
SCORE_MAX: Final = 950
WORTH_MAX: Final = 1000


class Factor(enum.IntEnum):
    """A part of the score that has a name; numbers are the contract's."""

    IDENTITY = 1
    HISTORY = 2
    ASSETS = 3
    BEHAVIOUR = 4
    RELATIONS = 5


POINTS_MAX: Final[Mapping[Factor, int]] = {
    Factor.IDENTITY: 120,
    Factor.HISTORY: 180,
    Factor.ASSETS: 90,
    Factor.BEHAVIOUR: 150,
    Factor.RELATIONS: 60,
}
"""The weights: what each factor adds at most."""
assert SCORE_MIN + sum(POINTS_MAX.values()) == SCORE_MAX, "the factors fill the scale"

CHANNELS: Final = curve((0, 0), (1, 500), (2, 650), (3, 800), (4, 900), (5, 1000))
"""Outside channels: each further one proves less that is new."""
KNOWN_DAYS: Final = curve((0, 150), (30, 250), (365, 450), (1825, 600))
REPAID: Final = curve((0, 0), (1, 100), (5, 250), (12, 400))
"""Loans paid back in full."""
LATE: Final = curve((0, 0), (1, 400), (3, 1000))
WRITTEN_OFF: Final = curve((0, 0), (1, 600), (2, 1000))
BALANCE_FEN: Final = curve((0, 200), (10_000, 350), (100_000, 600), (1_000_000, 850), (10_000_000, 1000))
BALANCE_NEUTRAL: Final = 250
OWED_FEN: Final = curve((0, 0), (100_000, 100), (1_000_000, 400), (10_000_000, 800))
GOOD_START: Final = 700
"""What everybody's behaviour is worth before anything is known of it."""
WITHOUT_COMPLAINT_DAYS: Final = curve((0, 0), (365, 300))
CONDUCTS: Final = curve((0, 0), (1, 250), (3, 700), (5, 1000))
OPEN_CASES: Final = curve((0, 0), (1, 50), (5, 200))
VERIFIED_FRIENDS: Final = curve((0, 0), (5, 400), (20, 700), (100, 900))
VERIFIED_PERMILLE: Final = curve((0, 0), (1000, 100))
RELATIONS_NEUTRAL: Final = 250


@dataclass(frozen=True, slots=True)
class Points:
    """What one factor adds."""

    factor: Factor
    points: int
    as_of_ms: int | None
    """When all of it was known; None where something was never known."""


def points_of(signals: Signals) -> tuple[Points, ...]:
    """What each factor adds, in their order."""
    return tuple(
        Points(factor, POINTS_MAX[factor] * _clamped(worth(signals)) // WORTH_MAX, _as_of(factor, signals))
        for factor, worth in _WORTHS.items()
    )


def score_of(signals: Signals) -> int:
    """The score, `SCORE_MIN` to `SCORE_MAX`."""
    score = SCORE_MIN + sum(added.points for added in points_of(signals))
    assert SCORE_MIN <= score <= SCORE_MAX, "a score is on its scale"
    return score


def _identity(signals: Signals) -> int:
    return CHANNELS.at(signals.own.channels)


def _history(signals: Signals) -> int:
    own = signals.own
    good = KNOWN_DAYS.at(signals.known_days) + REPAID.at(own.loans_repaid)
    return good - LATE.at(own.loans_late) - WRITTEN_OFF.at(own.loans_written_off)


def _assets(signals: Signals) -> int:
    owed = OWED_FEN.at(signals.own.owed_fen)
    if signals.wallet is None:
        return BALANCE_NEUTRAL - owed
    return 0 if signals.wallet.is_frozen else BALANCE_FEN.at(signals.wallet.balance_fen) - owed


def _behaviour(signals: Signals) -> int:
    good = GOOD_START + WITHOUT_COMPLAINT_DAYS.at(signals.known_days)
    return good - CONDUCTS.at(signals.own.conducts) - OPEN_CASES.at(signals.own.open_cases)


def _relations(signals: Signals) -> int:
    known = signals.relations
    if known is None:
        return RELATIONS_NEUTRAL
    return VERIFIED_FRIENDS.at(known.verified_friends) + VERIFIED_PERMILLE.at(known.verified_permille)


_WORTHS: Final[Mapping[Factor, Callable[[Signals], int]]] = {
    Factor.IDENTITY: _identity,
    Factor.HISTORY: _history,
    Factor.ASSETS: _assets,
    Factor.BEHAVIOUR: _behaviour,
    Factor.RELATIONS: _relations,
}


def _clamped(worth: int) -> int:
    return min(max(worth, 0), WORTH_MAX)


def _as_of(factor: Factor, signals: Signals) -> int | None:
    if factor is Factor.ASSETS:
        return None if signals.wallet is None else signals.wallet.as_of_ms
    if factor is Factor.RELATIONS:
        return None if signals.relations is None else signals.relations.as_of_ms
    return signals.now_ms

"""What repeated seeds tell about one rare-card limit: means, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from services.cli.planner.game import Outcome

INTERVAL = "95 % of Student's t over the seeds"
"""The interval that is reported is that of the mean. It knows of chance, not of the model's assumptions."""

_STUDENT_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
)
"""The 97.5th percentile of Student's distribution, by degrees of freedom from 1."""
_STUDENT_975_BEYOND = 2.08


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean of the real game's counts, and the bounds of its interval; whole numbers, none below 0."""

    mean: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """One rare-card limit. Counts and fen are those of the real game."""

    rare_limit: int
    seeds: int
    sets: Interval
    share_fen: Interval
    """The pool by the sets, rounded down; the whole pool where nobody finishes."""
    completing_ppm: Interval
    """Of a million people who were dealt a card, so many complete a set."""
    people_active: Interval
    rare_issued: Interval
    rare_unfinished: Interval
    """Wasted in hands that never finish."""
    rare_left_over: Interval
    """Spare ones that those who finish have left."""
    cards_dealt: Interval
    """Of all kinds and from all sources."""


def estimated(rare_limit: int, outcomes: Iterable[Outcome], pool_fen: int) -> Estimate:
    """Sums up the outcomes of one limit, scaled to the real game; at least one."""
    results = list(outcomes)

    def over(count: Callable[[Outcome], float]) -> Interval:
        return interval([count(one) for one in results])

    sets = over(lambda one: one.sets)
    return Estimate(
        rare_limit=rare_limit,
        seeds=len(results),
        sets=sets,
        share_fen=Interval(*(_share(pool_fen, count) for count in (sets.mean, sets.high, sets.low))),
        completing_ppm=over(lambda one: one.sets * 1_000_000 / max(one.people_active, 1)),
        people_active=over(lambda one: one.people_active),
        rare_issued=over(lambda one: one.rare_issued),
        rare_unfinished=over(lambda one: one.rare_unfinished),
        rare_left_over=over(lambda one: one.rare_left_over),
        cards_dealt=over(lambda one: sum(one.cards_dealt)),
    )


def interval(values: list[float]) -> Interval:
    """The interval of the mean; of one value, the value itself."""
    mean = fmean(values)
    if len(values) == 1:
        return Interval(round(mean), round(mean), round(mean))
    freedom = len(values) - 1
    factor = _STUDENT_975[freedom - 1] if freedom <= len(_STUDENT_975) else _STUDENT_975_BEYOND
    margin = factor * stdev(values) / sqrt(len(values))
    return Interval(round(mean), max(0, round(mean - margin)), round(mean + margin))


def _share(pool_fen: int, sets: int) -> int:
    return pool_fen // max(sets, 1)

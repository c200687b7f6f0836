"""Plays a setting under many rare-card limits, and looks for the one that reaches a target."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from services.cli.planner.calibration import TEMPER, Temper
from services.cli.planner.crew import Crew, Work
from services.cli.planner.curve import Curve, Target
from services.cli.planner.estimate import Estimate, estimated
from services.cli.planner.game import Outcome
from services.cli.planner.setting import Setting

REFINEMENTS_MAX = 6
"""Limits that are played beyond those of the sweep to meet a target."""
_NEAR_PPM = 5_000
"""A limit is near enough to a target when its sets are so near to the bound, in parts per million."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is played: each of the seeds under each of the limits."""

    setting: Setting
    seeds: tuple[int, ...]
    rare_limits: tuple[int, ...]
    temper: Temper = TEMPER

    @property
    def step(self) -> int:
        """The least difference of limits that the sample can show."""
        return max(1, -(-self.setting.people // self.setting.sample))

    @property
    def days(self) -> int:
        """How many days are played in all."""
        return len(self.seeds) * len(self.rare_limits) * self.setting.days

    def works(self, rare_limits: tuple[int, ...]) -> list[Work]:
        """The work of some limits, one piece for each seed."""
        return [Work(self.setting, self.temper, seed, rare_limits) for seed in self.seeds]


def limits_between(lowest: int, highest: int, count: int, always: tuple[int, ...] = ()) -> tuple[int, ...]:
    """So many limits, each by the same factor above the one before, and those of `always` within them."""
    if count == 1 or lowest == highest:
        spaced = {highest}
    else:
        factor = highest / lowest
        spaced = {_rounded(lowest * factor ** (place / (count - 1))) for place in range(1, count - 1)}
        spaced |= {lowest, highest}
    return tuple(sorted({*spaced, *(limit for limit in always if lowest <= limit <= highest)}))


async def swept(crew: Crew, sweep: Sweep) -> Curve:
    """Plays the whole sweep."""
    return Curve(await _estimates(crew, sweep, sweep.rare_limits))


async def solved(crew: Crew, sweep: Sweep, curve: Curve, target: Target) -> Estimate | None:
    """The limit that meets a target, as it was played; None when none of the sweep's range does.

    Where the curve leads is played, too, and becomes a point of it: until a limit meets the target nearly.
    """
    for _ in range(REFINEMENTS_MAX):
        limit = curve.solve(target, sweep.step)
        if limit is None or curve.at(limit) is not None:
            break
        estimate = (await _estimates(crew, sweep, (limit,)))[0]
        curve.add(estimate)
        if target.holds(estimate) and _is_near(estimate, target):
            break
    return curve.best(target)


async def _estimates(crew: Crew, sweep: Sweep, rare_limits: tuple[int, ...]) -> list[Estimate]:
    outcomes: dict[int, list[Outcome]] = defaultdict(list)
    for game in await crew.play(sweep.works(rare_limits)):
        # The limit as it was asked for; that of the sample is rounded.
        outcomes[game.rare_limit].append(game.outcome)
    pool_fen = sweep.setting.pool_fen
    return [estimated(limit, outcomes[limit], pool_fen) for limit in sorted(outcomes)]


def _is_near(estimate: Estimate, target: Target) -> bool:
    count, bound = (
        (estimate.sets.low, target.sets_min) if target.sets_min else (estimate.sets.high, target.sets_max)
    )
    return bound is None or abs(count - bound) * 1_000_000 <= bound * _NEAR_PPM


def _rounded(limit: float) -> int:
    """Three digits: nobody plans 1,258,925 cards."""
    unit = max(1, 10 ** (len(str(int(limit))) - 3))
    return int(round(limit / unit) * unit)

"""The swept curve: how many sets come of how many rare cards, and which limit reaches a target."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from services.cli.planner.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Target:
    """How many sets there should be. A target holds when the whole interval of the estimate is within it."""

    sets_min: int = 0
    sets_max: int | None = None

    def holds(self, estimate: Estimate) -> bool:
        """Whether a limit meets it."""
        return estimate.sets.low >= self.sets_min and (
            self.sets_max is None or estimate.sets.high <= self.sets_max
        )


def target_of(people_min: int | None, share_min_fen: int | None, pool_fen: int) -> Target | None:
    """The target of at least so many people, at least such a share, or both; None of neither.

    Raises ValueError when the pool is too small for it, whatever people do.
    """
    if people_min is None and share_min_fen is None:
        return None
    sets_max = None if share_min_fen is None else pool_fen // share_min_fen
    if sets_max is not None and sets_max < max(1, people_min or 0):
        raise ValueError("the pool is smaller than this share for so many people")
    return Target(people_min or 0, sets_max)


class Curve:
    """Estimates by rare-card limit, joined by straight lines; it never falls."""

    def __init__(self, estimates: Iterable[Estimate]) -> None:
        self._by_limit = {one.rare_limit: one for one in estimates}

    @property
    def estimates(self) -> list[Estimate]:
        """All of them, by rising limit."""
        return [self._by_limit[limit] for limit in sorted(self._by_limit)]

    def add(self, estimate: Estimate) -> None:
        """One more point."""
        self._by_limit[estimate.rare_limit] = estimate

    def at(self, rare_limit: int) -> Estimate | None:
        """The estimate of this very limit, if there is one."""
        return self._by_limit.get(rare_limit)

    def solve(self, target: Target, step: int) -> int | None:
        """The limit, in multiples of `step`, to which the curve leads for a target; None when to none.

        For a number of people it is the smallest one; for a share alone the largest.
        """
        lowest, highest = self.estimates[0].rare_limit, self.estimates[-1].rare_limit
        if target.sets_min:
            return _first(lambda limit: self._low(limit) >= target.sets_min, lowest, highest, step)
        if self._within(highest, target):
            return highest
        beyond = _first(lambda limit: not self._within(limit, target), lowest, highest, step)
        last = highest // step * step if beyond is None else beyond - step
        return last if last >= lowest else None

    def _within(self, rare_limit: int, target: Target) -> bool:
        highs = [one.sets.high for one in self.estimates]
        return target.sets_max is None or self._between(rare_limit, highs) <= target.sets_max

    def _low(self, rare_limit: int) -> float:
        return self._between(rare_limit, [one.sets.low for one in self.estimates])

    def _between(self, rare_limit: int, counts: list[int]) -> float:
        limits = [one.rare_limit for one in self.estimates]
        return float(np.interp(rare_limit, limits, list(accumulate(counts, max))))

    def limit_for(self, sets: float) -> float | None:
        """Where the mean curve has so many sets; None when it does not go so far."""
        means = list(accumulate((one.sets.mean for one in self.estimates), max))
        if not means[0] <= sets <= means[-1]:
            return None
        return float(np.interp(sets, means, [one.rare_limit for one in self.estimates]))

    def best(self, target: Target) -> Estimate | None:
        """Of the limits that were played, the one that meets the target; None when none does.

        For a number of people it is that with the fewest rare cards, for a share alone that with the most.
        """
        meeting = [one for one in self.estimates if target.holds(one)]
        if not meeting:
            return None
        return meeting[0] if target.sets_min else meeting[-1]


def _first(holds: Callable[[int], bool], lowest: int, highest: int, step: int) -> int | None:
    """Bisection: the first multiple of `step` from `lowest` to `highest` from which on a condition holds."""
    low, high = -(-lowest // step), highest // step
    if low > high or not holds(high * step):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle * step) else (middle + 1, high)
    return low * step

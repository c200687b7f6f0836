"""Curves in whole numbers: what a signal is worth."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Curve:
    """Straight lines between corners; flat before the first and after the last. Never falls."""

    corners: tuple[tuple[int, int], ...]
    """(signal, worth), both rising."""

    def __post_init__(self) -> None:
        assert self.corners, "a curve has a corner"
        for (before, worth_before), (after, worth_after) in pairwise(self.corners):
            assert before < after, "corners have an order"
            assert worth_before <= worth_after, "more of a signal is never worth less"

    def at(self, signal: int) -> int:
        """What a signal is worth, rounded down."""
        right = bisect_right(self.corners, signal, key=lambda corner: corner[0])
        if right == 0:
            return self.corners[0][1]
        left_signal, left_worth = self.corners[right - 1]
        if right == len(self.corners):
            return left_worth
        right_signal, right_worth = self.corners[right]
        run, rise = right_signal - left_signal, right_worth - left_worth
        return left_worth + rise * (signal - left_signal) // run

    @property
    def most(self) -> int:
        """What it is worth at most."""
        return self.corners[-1][1]


def curve(*corners: tuple[int, int]) -> Curve:
    """A curve through these corners."""
    return Curve(corners)

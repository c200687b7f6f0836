"""When cards may go out: straight lines between points, in integers."""

from __future__ import annotations

from dataclasses import dataclass

WHOLE_PPM = 1_000_000
"""Everything, in parts per million."""


@dataclass(frozen=True, slots=True)
class ReleasePoint:
    """A corner of a curve."""

    offset_ms: int
    """Milliseconds after the game opens."""
    released_ppm: int
    """What may be out by then, parts per million of the whole."""


@dataclass(frozen=True, slots=True)
class ReleaseCurve:
    """How much of a bound is released by when. Without points and not linear: everything, at any time."""

    points: tuple[ReleasePoint, ...] = ()
    linear_until_deadline: bool = False
    """Instead of points: a straight line over the whole game."""

    @property
    def is_at_once(self) -> bool:
        """Whether nothing is ever held back."""
        return not self.points and not self.linear_until_deadline

    def released(self, whole: int, elapsed_ms: int, window_ms: int) -> int:
        """How much of `whole` may be out, rounded down, `elapsed_ms` after the opening of `window_ms`."""
        if self.is_at_once:
            return whole
        before = ReleasePoint(-1, 0)
        for point in self._corners(window_ms):
            if elapsed_ms < point.offset_ms:
                if elapsed_ms < 0 or before.offset_ms < 0:
                    return 0
                span_ms = point.offset_ms - before.offset_ms
                gained = (point.released_ppm - before.released_ppm) * (elapsed_ms - before.offset_ms)
                return whole * (before.released_ppm * span_ms + gained) // (span_ms * WHOLE_PPM)
            before = point
        return whole

    def next_release_ms(self, whole: int, released: int, elapsed_ms: int, window_ms: int) -> int | None:
        """From `elapsed_ms` on, how long until more than `released` is out; None when nothing more comes."""
        if released >= whole:
            return None
        low, high = max(0, elapsed_ms), max(self._corners(window_ms)[-1].offset_ms, elapsed_ms)
        if self.is_at_once or self.released(whole, low, window_ms) > released:
            return max(0, low - elapsed_ms)
        while low + 1 < high:
            middle = (low + high) // 2
            if self.released(whole, middle, window_ms) > released:
                high = middle
            else:
                low = middle
        return high - elapsed_ms

    def problem(self, window_ms: int) -> str | None:
        """What is wrong with the points in a game of `window_ms`; None when nothing is."""
        if not self.points:
            return None
        if self.linear_until_deadline:
            return "a curve has points or is linear until the deadline, not both"
        for before, after in zip(self.points, self.points[1:], strict=False):
            if after.offset_ms <= before.offset_ms or after.released_ppm < before.released_ppm:
                return "points must be in order of time, and none may release less than the one before"
        if self.points[-1].released_ppm != WHOLE_PPM:
            return "the last point must release 1,000,000 ppm"
        if self.points[-1].offset_ms > window_ms:
            return "the last point is after the deadline: what it releases could never be dealt"
        return None

    def _corners(self, window_ms: int) -> tuple[ReleasePoint, ...]:
        if self.points:
            return self.points
        return (ReleasePoint(0, 0), ReleasePoint(window_ms, WHOLE_PPM))


AT_ONCE = ReleaseCurve()
"""Holds nothing back."""
LINEAR = ReleaseCurve(linear_until_deadline=True)
"""Evenly from the opening to the deadline."""

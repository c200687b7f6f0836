"""How much work of one kind a process takes on: so much at once, so much a second, and not a bit more.

What is over the limit is refused on the spot, with the time at which to come again. Nothing waits in a queue
that grows, so what is taken on is answered as fast as if the rest had not come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Protocol
from weakref import WeakSet

from services.mesh.errors import ErrorKind, ServiceError

_ROUNDING_CALLS = 0.001
"""Times are floats: a bucket must not seem to lack a call for the last digit of one."""
_TURN_STEP_MS = 50
"""Delays are told in these steps, so that a flood is told few different things: each is put together once."""


class Bounded(Protocol):
    """What keeps calls of some kind within a bound."""

    name: str
    occupied: int
    """Calls under way."""
    refused: int
    """Calls that were not let in, ever."""


LIVING: WeakSet[Bounded] = WeakSet()
"""All of this process, for its metrics."""


class LimitReached(ServiceError):
    """As many calls of one kind as may be are under way, or came in this second. Metadata: `limit`."""

    kind = ErrorKind.EXHAUSTED
    reason = "OVERLOADED"


class Rate:
    """A bucket of calls that fills up again at a steady rate (generic cell rate algorithm, ITU-T I.371)."""

    def __init__(self, per_s: int, at_once: int, turn_ms_max: int, now_s: Callable[[], float]) -> None:
        """`at_once` calls may come together after a pause; `turn_ms_max` is the longest delay to be told."""
        self.per_s = per_s
        self._call_s = 1 / per_s
        self._bucket_s = (at_once + _ROUNDING_CALLS) / per_s
        self._turn_s_max = turn_ms_max / 1000
        self._now_s = now_s
        self._full_at_s = self._turn_at_s = now_s()

    def take(self) -> bool:
        """Takes a call out of the bucket; False, and nothing is taken, when it is empty."""
        now_s = self._now_s()
        full_at_s = max(self._full_at_s, now_s) + self._call_s
        if full_at_s - now_s > self._bucket_s:
            return False
        self._full_at_s = full_at_s
        return True

    def turn_ms(self) -> int:
        """When somebody who was refused should come again, milliseconds.

        Each is given another turn, one call's time after the one before: who come when they are told to do
        not come together.
        """
        now_s = self._now_s()
        turn_at_s = max(self._turn_at_s, now_s) + self._call_s
        self._turn_at_s = min(turn_at_s, now_s + self._turn_s_max)
        steps = (self._turn_at_s - now_s) * 1000 / _TURN_STEP_MS - _ROUNDING_CALLS
        return ceil(steps) * _TURN_STEP_MS


def rate_of(per_s: int, burst_ms: int, turn_ms_max: int, now_s: Callable[[], float]) -> Rate | None:
    """A bucket for so many calls a second, and at once as many as come in the burst; 0 a second: none."""
    return Rate(per_s, max(1, per_s * burst_ms // 1000), turn_ms_max, now_s) if per_s else None


class Admission:
    """Counts calls of one kind. Whoever enters must leave."""

    def __init__(self, name: str, calls_max: int, retry_delay_ms: int, rate: Rate | None = None) -> None:
        """`retry_delay_ms` is the shortest delay to be told; without a rate only `calls_max` counts."""
        self.name = name
        self.occupied = 0
        """Calls under way."""
        self.refused = 0
        """Calls that were not let in, ever."""
        LIVING.add(self)
        self._calls_max = calls_max
        self._retry_delay_ms = retry_delay_ms
        self._rate = rate

    def enter(self) -> None:
        """Takes a place, to be given back with `leave`; raises what `crowded` or `too_fast` makes."""
        if self.occupied >= self._calls_max:
            self.refused += 1
            raise self.crowded(self._calls_max, self._retry_delay_ms)
        rate = self._rate
        if rate is not None and not rate.take():
            self.refused += 1
            raise self.too_fast(rate.per_s, max(rate.turn_ms(), self._retry_delay_ms))
        self.occupied += 1

    def leave(self) -> None:
        """Gives a place back."""
        self.occupied -= 1
        assert self.occupied >= 0, "more calls left than entered"  # noqa: S101 - an invariant, kept on

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Holds a place for a block. Raises as `enter` does."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def crowded(self, calls_max: int, retry_delay_ms: int) -> ServiceError:
        """Says that so many calls are under way already."""
        return LimitReached(
            f"{calls_max} calls of {self.name} are under way",
            retry_delay_ms=retry_delay_ms,
            limit=f"{self.name}_calls_max",
        )

    def too_fast(self, calls_per_s: int, retry_delay_ms: int) -> ServiceError:
        """Says that more calls come than may in a second."""
        return LimitReached(
            f"more than {calls_per_s} calls of {self.name} a second",
            retry_delay_ms=retry_delay_ms,
            limit=f"{self.name}_calls_per_s",
        )

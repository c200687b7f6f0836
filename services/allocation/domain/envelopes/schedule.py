"""What is due when: ends of time in the future, and ends in the past."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=int)
_H = TypeVar("_H", bound=Hashable)


class Deadlines(Generic[K]):
    """Moments at which something has to be done about a key, unless it was done before."""

    def __init__(self, is_awaited: Callable[[K], bool]) -> None:
        """`is_awaited` tells whether a key still needs its moment; others are passed over."""
        self._is_awaited = is_awaited
        self._moments: list[tuple[int, K]] = []

    def add(self, time_ms: int, key: K) -> None:
        """Waits for a moment."""
        heapq.heappush(self._moments, (time_ms, key))

    def next(self) -> tuple[int, K] | None:
        """The next moment, and what it is about."""
        while self._moments and not self._is_awaited(self._moments[0][1]):
            heapq.heappop(self._moments)
        return self._moments[0] if self._moments else None


class Ends(Generic[K]):
    """When keys ended, in the order of the journal, whose times never go back."""

    def __init__(self, ended_ms: Callable[[K], int | None]) -> None:
        """`ended_ms` tells when a key ended, None when it has not, or is not kept; others are passed over."""
        self._ended_ms = ended_ms
        self._ends: deque[tuple[int, K]] = deque()

    def add(self, time_ms: int, key: K) -> None:
        """A key has ended; later than all before."""
        self._ends.append((time_ms, key))

    def restore(self, ends: Iterable[tuple[int, K]]) -> None:
        """Takes over what ended, in any order."""
        self._ends = deque(sorted(ends))

    def first(self) -> tuple[int, K] | None:
        """What ended first, and when."""
        while self._ends and self._ended_ms(self._ends[0][1]) != self._ends[0][0]:
            self._ends.popleft()
        return self._ends[0] if self._ends else None

    def before(self, time_ms: int, at_most: int) -> list[K]:
        """What ended before this moment, the first ones."""
        self.first()
        # What was taken back and ended again in the same millisecond is in it twice.
        found: dict[K, None] = {}
        for ended_ms, key in self._ends:
            if ended_ms >= time_ms or len(found) >= at_most:
                break
            if self._ended_ms(key) == ended_ms:
                found[key] = None
        return list(found)


def count_down(counts: Counter[_H], key: _H) -> None:
    """One less of a key. Keys without any are dropped: a counter must not grow with all who ever were."""
    assert counts[key] > 0, "only what was counted up is counted down"
    counts[key] -= 1
    if not counts[key]:
        del counts[key]

"""How many cards each person was dealt today, where a game has a daily limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.holdings.columns import Rows, with_room

_BEIJING_MS = 8 * 3_600_000
_DAY_MS = 86_400_000
PER_DAY_MAX = 10_000
"""Highest limit that a game may have: counts are kept in 16 bits."""


def day_of(time_ms: int) -> int:
    """The day in Beijing, from 1970 on: it has no summer time since 1991 and never had in winter."""
    return (time_ms + _BEIJING_MS) // _DAY_MS


def days_of(times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same of many moments."""
    days: NDArray[np.int64] = (times_ms + _BEIJING_MS) // _DAY_MS
    return days


def day_start_ms(day: int) -> int:
    """The first millisecond of a day in Beijing; the inverse of `day_of`."""
    return day * _DAY_MS - _BEIJING_MS


class DailyDeals:
    """Counts by row of the hands: of the newest day on which the person was dealt a card.

    A clock that goes back over midnight gives nobody a day again: what is dealt then counts for the newer
    day.
    4 bytes a person, and none in a game without a limit.
    """

    __slots__ = ("_counts", "_days", "per_day_max")

    def __init__(self, per_day_max: int) -> None:
        """No counts; 0 for no limit."""
        assert 0 <= per_day_max <= PER_DAY_MAX, "a daily limit is within bounds"
        self.per_day_max = per_day_max
        self._days = np.zeros(0, np.uint16)
        self._counts = np.zeros(0, np.uint16)

    def left(self, rows: Rows, time_ms: int) -> NDArray[np.int64]:
        """How many more cards each may be dealt; row -1 for a person without a row. Only with a limit."""
        self._make_room(int(rows.max(initial=-1)) + 1)
        is_counted = (rows >= 0) & (self._days[rows] >= day_of(time_ms)) if len(self._days) else rows >= 0
        left = np.full(len(rows), self.per_day_max, np.int64)
        left[is_counted] -= self._counts[rows[is_counted]]
        return left

    def dealt(self, rows: Rows, time_ms: int) -> None:
        """Counts one card for each; people may be named more than once."""
        if not self.per_day_max:
            return
        day = day_of(time_ms)
        self._make_room(int(rows.max()) + 1)
        new_day = rows[self._days[rows] < day]
        self._days[new_day], self._counts[new_day] = day, 0
        np.add.at(self._counts, rows, np.uint16(1))
        assert (self._counts[rows] <= self.per_day_max).all(), "the daily limit is hard"

    def kept(self, row_count: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Copies of days and counts of the first rows, for a snapshot; empty without a limit."""
        if not self.per_day_max:
            return np.zeros(0, np.uint16), np.zeros(0, np.uint16)
        self._make_room(row_count)
        return self._days[:row_count].copy(), self._counts[:row_count].copy()

    def restore(self, days: NDArray[np.uint16], counts: NDArray[np.uint16]) -> None:
        """The inverse of `kept`."""
        self._days, self._counts = days, counts

    def _make_room(self, count: int) -> None:
        self._days = with_room(self._days, count)
        self._counts = with_room(self._counts, count)

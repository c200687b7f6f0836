"""How long what comes now would wait: said before it waits, so that nobody is kept waiting in vain."""

from __future__ import annotations

_NEWEST_WEIGHT = 0.2
"""How much the newest batch counts against all before it."""


class Pace:
    """What the store gets done, measured by the batch. All costs are rows that are written."""

    def __init__(self, row_ms: float) -> None:
        """`row_ms` is what a row takes until something has been measured, milliseconds."""
        self._row_ms = row_ms
        self._under_way = 0
        self._began_ms = 0.0

    def begin(self, rows: int, now_ms: float) -> None:
        """A batch of so many rows goes to the store."""
        assert not self._under_way, "one batch at a time"
        self._under_way, self._began_ms = rows, now_ms

    def end(self, now_ms: float) -> None:
        """It came back."""
        took_ms = (now_ms - self._began_ms) / self._under_way
        self._row_ms += _NEWEST_WEIGHT * (took_ms - self._row_ms)
        self._under_way = 0

    def wait_ms(self, rows_waiting: int, now_ms: float) -> float:
        """When rows that come now would be kept, with so many before them, milliseconds from now.

        A batch that takes longer than it should is expected to take as long again.
        """
        expected_ms = self._under_way * self._row_ms
        elapsed_ms = now_ms - self._began_ms if self._under_way else 0.0
        left_ms = expected_ms - elapsed_ms if elapsed_ms <= expected_ms else elapsed_ms
        return left_ms + rows_waiting * self._row_ms

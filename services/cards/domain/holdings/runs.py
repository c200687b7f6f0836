"""What many rows in a row have in common, kept once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.holdings.columns import with_room


class Runs:
    """Values that hold from a row on, until others do. Rows come in order."""

    __slots__ = ("_count", "_firsts", "_values")

    def __init__(self, width: int) -> None:
        """No runs, of `width` 64-bit values each."""
        self._count = 0
        self._firsts = np.zeros(0, np.uint32)
        self._values = np.zeros((0, width), np.int64)

    def __len__(self) -> int:
        return self._count

    def begin(self, row: int, *values: int) -> None:
        """From this row on these values hold. Nothing is kept when they hold already."""
        count = self._count
        if count and tuple(self._values[count - 1].tolist()) == values:
            return
        self._firsts = with_room(self._firsts, count + 1)
        self._values = with_room(self._values, count + 1)
        self._firsts[count] = row
        self._values[count] = values
        self._count = count + 1

    def at(self, row: int) -> tuple[int, ...]:
        """The first row of the run that a row is in, and the run's values. There must be one."""
        run = int(np.searchsorted(self._firsts[: self._count], np.uint32(row), side="right")) - 1
        return (int(self._firsts[run]), *self._values[run].tolist())

    def kept(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """All of them, as views that never change: for a snapshot."""
        return self._firsts[: self._count], self._values[: self._count]

    @classmethod
    def of_kept(cls, firsts: NDArray[np.uint32], values: NDArray[np.int64]) -> Runs:
        """The inverse of `kept`."""
        runs = cls(values.shape[1])
        runs._count, runs._firsts, runs._values = len(firsts), firsts, values
        return runs

"""Columns that grow: numpy arrays with room behind their last row."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""Row numbers of a table; -1 for none."""
People = NDArray[np.int64]
"""Ids of people."""
Hashes = NDArray[np.uint64]
"""Well mixed."""

_Value = TypeVar("_Value", bound=np.generic)

_ROOM_MIN = 64


def with_room(column: NDArray[_Value], count: int) -> NDArray[_Value]:
    """The column itself if it has `count` rows or more, else a longer copy of it.

    The new rows are 0. The system gives memory only to those of them that are written.
    """
    if count <= len(column):
        return column
    longer = np.zeros((max(count, len(column) * 3 // 2, _ROOM_MIN), *column.shape[1:]), column.dtype)
    longer[: len(column)] = column
    return longer


def count_different(values: NDArray[_Value]) -> int:
    """How many different values are in the column."""
    ordered = np.sort(values)
    return len(values) and 1 + int((ordered[1:] != ordered[:-1]).sum())


def has_repeats(values: NDArray[_Value]) -> bool:
    """Whether a value is in the column more than once."""
    ordered = np.sort(values)
    return bool((ordered[1:] == ordered[:-1]).any())

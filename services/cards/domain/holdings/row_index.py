"""Finds rows of a table by what is in them, a whole batch at once, in a few bytes a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.holdings.buckets import AreEqual, Buckets
from services.cards.domain.holdings.columns import Hashes, Rows

_CROWDED = 6.5
"""Rows in a bucket of 8, on average, beyond which a larger table is begun: searches would take too long."""
_GROWTH = 1.6
_BUCKETS_MIN = 8
_MOVED_BUCKETS_MIN = 8
_STEP = 1 << 16
"""Rows that are entered at once, so that what this needs meanwhile stays small."""


class RowIndex:
    """An index of row numbers that grows; the rows themselves are elsewhere.

    While it grows there are two tables: rows move from the smaller to the larger one a few with each that is
    entered, so that nobody waits until all have moved. 7.5 bytes a row, on average.
    """

    __slots__ = ("_count", "_hashes_of", "_moved_buckets", "_smaller", "_table")

    def __init__(self, hashes_of: Callable[[Rows], Hashes]) -> None:
        """An empty index; `hashes_of` tells the hash that each row was entered with."""
        self._hashes_of = hashes_of
        self._count = 0
        self._table = Buckets(_BUCKETS_MIN)
        self._smaller: Buckets | None = None
        self._moved_buckets = 0
        """Buckets of the smaller table whose rows have moved."""

    def __len__(self) -> int:
        return self._count

    def find(self, hashes: Hashes, are_equal: AreEqual) -> Rows:
        """The row of each hash, -1 where there is none."""
        found = self._table.find(hashes, are_equal)
        if self._smaller is not None:
            missing = np.flatnonzero(found < 0)
            found[missing] = self._smaller.find(
                hashes[missing], lambda rows, items: are_equal(rows, missing[items])
            )
        return found

    def find_one(self, hashed: int, is_equal: Callable[[int], bool]) -> int:
        """The row of one hash, -1 for none: 40 times as fast as a batch of one."""
        row = self._table.find_one(hashed, is_equal)
        if row < 0 and self._smaller is not None:
            row = self._smaller.find_one(hashed, is_equal)
        return row

    def enter(self, rows: Rows, hashes: Hashes) -> None:
        """Enters rows that are not in it and of which no two look for the same."""
        self._make_room(len(rows))
        for start in range(0, len(rows), _STEP):
            self._table.enter(rows[start : start + _STEP].astype(np.uint32), hashes[start : start + _STEP])

    def enter_one(self, row: int, hashed: int) -> None:
        """Enters one row that is not in it."""
        self._make_room(1)
        self._table.enter_one(row, hashed)

    def restore(self, rows: Rows) -> None:
        """Enters these rows and no others, of which no two look for the same."""
        self._count = len(rows)
        self._table, self._smaller = Buckets(_bucket_count(len(rows))), None
        for start in range(0, len(rows), _STEP):
            self._enter_again(rows[start : start + _STEP].astype(np.uint32))

    def _make_room(self, more: int) -> None:
        self._count += more
        if self._count > _CROWDED * len(self._table):
            self._move(len(self._table))
            self._smaller, self._moved_buckets = self._table, 0
            self._table = Buckets(_bucket_count(self._count))
        # Done long before the larger table is full in turn.
        self._move(_MOVED_BUCKETS_MIN + more)

    def _move(self, bucket_count: int) -> None:
        """Moves the rows of so many buckets of the smaller table, if there is one."""
        while self._smaller is not None and bucket_count > 0:
            first = self._moved_buckets
            self._moved_buckets = min(first + bucket_count, first + _STEP, len(self._smaller))
            bucket_count -= self._moved_buckets - first
            self._enter_again(self._smaller.rows(first, self._moved_buckets))
            if self._moved_buckets == len(self._smaller):
                self._smaller = None

    def _enter_again(self, rows: NDArray[np.uint32]) -> None:
        self._table.enter(rows, self._hashes_of(rows.astype(np.int64)))


def _bucket_count(count: int) -> int:
    return max(_BUCKETS_MIN, int(count * _GROWTH / _CROWDED))

"""The index of rows against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.domain.holdings.columns import Rows
from services.cards.domain.holdings.row_index import RowIndex
from services.mesh.shards.hashing import mix64_column

FEW_HASHES = st.sampled_from([0, 1 << 16, 5 << 16, (7 << 32) + (1 << 16), (2**32 - 1) << 32])
"""That share buckets and marks, so that only the rows themselves tell them apart."""


class Table:
    """Rows of a key, found by hashes that are far from good."""

    def __init__(self) -> None:
        self.keys = np.zeros(0, np.int64)
        self.hashes = np.zeros(0, np.uint64)
        self.index = RowIndex(lambda rows: self.hashes[rows])

    def add(self, entries: list[tuple[int, int]], *, one_by_one: bool) -> None:
        first = len(self.keys)
        self.keys = np.append(self.keys, np.array([key for key, _ in entries], np.int64))
        self.hashes = np.append(self.hashes, np.array([hashed for _, hashed in entries], np.uint64))
        rows = np.arange(first, len(self.keys))
        if one_by_one:
            for row in rows.tolist():
                self.index.enter_one(row, int(self.hashes[row]))
        else:
            self.index.enter(rows, self.hashes[rows])

    def entry(self, row: int) -> tuple[int, int]:
        return int(self.keys[row]), int(self.hashes[row])

    def find_one(self, asked_for: tuple[int, int]) -> int:
        return self.index.find_one(asked_for[1], lambda row: self.entry(row) == asked_for)

    def find(self, entries: list[tuple[int, int]]) -> Rows:
        keys = np.array([key for key, _ in entries], np.int64)
        hashes = np.array([hashed for _, hashed in entries], np.uint64)
        return self.index.find(
            hashes,
            lambda rows, items: (self.keys[rows] == keys[items]) & (self.hashes[rows] == hashes[items]),
        )


batches = st.lists(
    st.tuples(st.lists(st.tuples(st.integers(0, 300), FEW_HASHES), max_size=80), st.booleans()), max_size=8
)


@settings(max_examples=30, deadline=None)
@given(batches)
def test_rows_are_found_by_key_whatever_their_hashes(
    added: list[tuple[list[tuple[int, int]], bool]],
) -> None:
    table, model = Table(), dict[tuple[int, int], int]()
    for entries, one_by_one in added:
        new = [entry for entry in dict.fromkeys(entries) if entry not in model]
        for entry in new:
            model[entry] = len(model)
        table.add(new, one_by_one=one_by_one)
        asked = [*model, *((key + 1_000, hashed) for key, hashed in model)]
        assert table.find(asked).tolist() == [model.get(entry, -1) for entry in asked]
        for key, hashed in asked:
            asked_for = (key, hashed)
            found = table.find_one(asked_for)
            assert found == model.get(asked_for, -1)
    assert len(table.index) == len(model)


def test_a_restored_index_finds_all_rows_it_was_given() -> None:
    table = Table()
    table.add([(key, key * 0x9E37_79B9_7F4A_7C15 % 2**64) for key in range(100_000)], one_by_one=False)
    restored = RowIndex(lambda rows: table.hashes[rows])
    restored.restore(np.arange(0, 100_000, 2))
    found = restored.find(table.hashes, lambda rows, items: rows == items)
    assert found.tolist() == [row if row % 2 == 0 else -1 for row in range(100_000)]


def test_rows_are_found_at_any_time_while_the_index_grows() -> None:
    table = Table()
    hashes = mix64_column(np.arange(40_000))
    for first in range(0, len(hashes), 500):
        table.add(
            [(key, int(hashes[key])) for key in range(first, first + 500)], one_by_one=first % 10_000 == 0
        )
        found = table.index.find(hashes, lambda rows, items: rows == items)
        assert (found[: first + 500] == np.arange(first + 500)).all()
        assert (found[first + 500 :] == -1).all()

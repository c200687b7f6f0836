"""What the statements' tables have in them, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.settlement.domain.entries import EntryColumns, Movement

LAYOUT: Final = 1
"""What rows mean. Rows of another layout are made again from the journal."""
RUN_SHIFT: Final = 10
"""A run's number is its place in its shard, followed by the shard in so many bits."""
MOVEMENT_LIST: Final = ", ".join(Movement._fields)
MOVEMENT_COLUMNS: Final = ("shard", *Movement._fields)
ENTRY_COLUMNS: Final = ("run", "account", "seq", "line", "amount_fen")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where a shard's statements are complete."""

    seq: int = 0
    """The last event that is in; 0 before the first."""
    time_ms: int = 0
    run: int = -1
    """The run that is written to; below 0 before the first."""
    run_entries: int = 0
    mark: bytes = b""
    """Stands for the last record: see `record_mark`."""
    layout: int = LAYOUT


@dataclass(frozen=True, slots=True)
class Run:
    """Which records' entries a run has."""

    run: int
    first_seq: int
    last_seq: int
    first_time_ms: int
    last_time_ms: int
    entries: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry, and the movement that it is a line of."""

    seq: int
    line: int
    amount_fen: int
    movement: Movement


Row = Sequence[Any]


def interleaved(run: int, entries: EntryColumns, start: int, stop: int) -> list[int]:
    """The values of some rows of `ledger_entries`, row by row, in the order of `ENTRY_COLUMNS`."""
    columns: tuple[NDArray[Any], ...] = (entries.accounts, entries.seqs, entries.lines, entries.amounts_fen)
    rows = np.empty((min(stop, len(entries)) - start, 1 + len(columns)), np.int64)
    rows[:, 0] = run
    for place, column in enumerate(columns, start=1):
        rows[:, place] = column[start:stop]
    values: list[int] = rows.ravel().tolist()
    return values

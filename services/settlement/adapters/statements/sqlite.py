"""A shard's statements in a SQLite file of their own: `<folder>/settlement-statements/<shard>.db`.

The file can be made again from the journal, so it is not synced on every commit: after a power cut the last
commits may be gone, with the cursor that they moved, and are made again.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from services.settlement.adapters.statements.rows import (
    ENTRY_COLUMNS,
    LAYOUT,
    MOVEMENT_COLUMNS,
    Cursor,
    Row,
    interleaved,
)
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.entries import Posted

FOLDER: Final = "settlement-statements"
"""Beside the folders of journals."""
_SCHEMA_VERSION: Final = 2
_PAUSE_S = 0.005
_CACHE_KIB: Final = 32 * 1024
"""Enough for the run that is written to."""
_ROWS_AT_ONCE: Final = 512
"""Rows that one statement inserts: Python asks for its lock back once a statement, not once a row."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS ledger_entries (
    run INTEGER NOT NULL,
    account INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    line INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    PRIMARY KEY (run, account, seq, line)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger_movements (
    shard INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    line INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    code INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    debit TEXT NOT NULL,
    credit TEXT NOT NULL,
    onward TEXT NOT NULL,
    campaign_id TEXT NOT NULL,
    transfer_id TEXT NOT NULL,
    pending_id TEXT NOT NULL,
    source_reference TEXT NOT NULL,
    source TEXT NOT NULL,
    source_seq INTEGER NOT NULL,
    PRIMARY KEY (shard, seq, line)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger_runs (
    run INTEGER PRIMARY KEY,
    shard INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    first_time_ms INTEGER NOT NULL,
    last_time_ms INTEGER NOT NULL,
    entries INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS ledger_run_totals (
    account INTEGER NOT NULL,
    run INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    PRIMARY KEY (account, run)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger_cursors (
    shard INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    run INTEGER NOT NULL,
    run_entries INTEGER NOT NULL,
    layout INTEGER NOT NULL,
    mark BLOB NOT NULL
);
"""


def connect(place: Path | None, busy_ms: int) -> sqlite3.Connection:
    """Opens a file, creating it and its tables when it is new; None is a database in memory."""
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
    # Whoever uses it takes turns, which sqlite3 cannot know.
    connection = sqlite3.connect(
        ":memory:" if place is None else place,
        timeout=busy_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )
    try:
        _write_ahead(connection, busy_ms)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if connection.execute("PRAGMA user_version").fetchone()[0] != _SCHEMA_VERSION:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection, busy_ms: int) -> None:
    """Turns to a log that is written ahead, after whoever does so at this moment: SQLite does not wait."""
    ends_s = time.monotonic() + busy_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= ends_s:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def place_of(folder: Path, shard: int) -> Path:
    """The file of a shard's statements, beside the journals in a folder."""
    return folder / FOLDER / f"{shard}.db"


class SqliteTables(StatementTables):
    """See `StatementTables`."""

    def __init__(self, shard: int, connection: sqlite3.Connection) -> None:
        super().__init__(shard)
        self._connection = connection

    def rows(self, query: str, values: Sequence[object] = ()) -> Sequence[Row]:
        """See `StatementTables.rows`."""
        # To the end, always: an unfinished statement would hold an old view of the file.
        return self._connection.execute(query, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See `StatementTables.reading`."""
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """See `StatementTables.writing`. The lock is the file's."""
        with self._transaction("BEGIN IMMEDIATE"):
            if self.cursor() == Cursor():
                self.rows(
                    "INSERT OR IGNORE INTO ledger_cursors VALUES (?, 0, 0, -1, 0, ?, ?)",
                    (self.shard, LAYOUT, b""),
                )
            yield

    def insert(self, run: int, posted: Posted) -> None:
        """See `StatementTables.insert`."""
        # A piece at a time: what Python makes of a piece, it makes in one go, and the event loop has to wait.
        for start in range(0, len(posted.movements), _ROWS_AT_ONCE):
            rows = [(self.shard, *movement) for movement in posted.movements[start : start + _ROWS_AT_ONCE]]
            flat = list(itertools.chain.from_iterable(rows))
            self._connection.execute(_insertion("ledger_movements", MOVEMENT_COLUMNS, len(rows)), flat)
        for start in range(0, len(posted.entries), _ROWS_AT_ONCE):
            values = interleaved(run, posted.entries, start, start + _ROWS_AT_ONCE)
            count = len(values) // len(ENTRY_COLUMNS)
            self._connection.execute(_insertion("ledger_entries", ENTRY_COLUMNS, count), values)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


@cache
def _insertion(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({','.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {','.join([row] * rows)}"  # noqa: S608 - constants

"""Statements in PostgreSQL, beside the journals. The tables are made by the migrations of the mesh.

The rows can be made again from the journal, so commits do not wait for the disk: what a crash takes back, it
takes back with the cursor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import psycopg

from services.mesh.database.versions import is_current
from services.settlement.adapters.statements.rows import LAYOUT, MOVEMENT_COLUMNS, Row
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.entries import EntryColumns, Posted

Connection = psycopg.Connection[tuple[Any, ...]]

_ENTRY_ROW: Final = np.dtype(
    [
        *(("fields", ">i2"), ("run_bytes", ">i4"), ("run", ">i4")),
        *(("account_bytes", ">i4"), ("account", ">i8"), ("seq_bytes", ">i4"), ("seq", ">i8")),
        *(("line_bytes", ">i4"), ("line", ">i4"), ("amount_bytes", ">i4"), ("amount_fen", ">i8")),
    ]
)
"""A row of `ledger_entries` as binary COPY wants it: the number of fields, and the length of each."""
_COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TAIL: Final = b"\xff\xff"
_COPY_ENTRIES: Final = (
    "COPY ledger_entries (run, account, seq, line, amount_fen) FROM STDIN WITH (FORMAT BINARY)"
)
_COPY_MOVEMENTS: Final = f"COPY ledger_movements ({', '.join(MOVEMENT_COLUMNS)}) FROM STDIN"


def connect(url: str, busy_ms: int) -> Connection:
    """Connects, and brings the tables up to date first where they are not."""
    connection: Connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=max(2, busy_ms // 1000),
        keepalives=1,
        keepalives_idle=5,
        tcp_user_timeout=busy_ms * 2,
    )
    try:
        for name, value in (
            ("idle_in_transaction_session_timeout", str(busy_ms)),
            ("lock_timeout", str(busy_ms * 2)),
            ("statement_timeout", str(busy_ms * 30)),
        ):
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.execute(
            "SELECT set_config('synchronous_commit', 'off', false)"
            " WHERE current_setting('synchronous_commit', true) IS NOT NULL"
        )
        if not is_current(_version(connection)):
            # It takes a third of a second to load, and almost no process has to.
            from services.mesh.database.migration import migrate  # noqa: PLC0415

            migrate(url)
    except BaseException:
        connection.close()
        raise
    return connection


class PostgresTables(StatementTables):
    """See `StatementTables`. The connection may be shared with other shards, in turns."""

    def __init__(self, shard: int, connection: Connection) -> None:
        super().__init__(shard)
        self._connection = connection

    def rows(self, query: str, values: Sequence[object] = ()) -> Sequence[Row]:
        """See `StatementTables.rows`."""
        cursor = self._connection.execute(query.replace("?", "%s").encode(), values)
        return cursor.fetchall() if cursor.description else ()

    def rows_of_each(self, query: str, values: Sequence[Sequence[object]]) -> Sequence[Sequence[Row]]:
        """See `StatementTables.rows_of_each`. All in one round trip, or a few."""
        text = query.replace("?", "%s").encode()
        with self._connection.pipeline():
            cursors = [self._connection.execute(text, each) for each in values]
            return [cursor.fetchall() for cursor in cursors]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See `StatementTables.reading`."""
        with self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """See `StatementTables.writing`. The lock is that of the cursor's row."""
        with self._connection.transaction():
            locked = self.rows("SELECT seq FROM ledger_cursors WHERE shard = ? FOR UPDATE", (self.shard,))
            if not locked:
                self.rows(
                    "INSERT INTO ledger_cursors (shard, seq, time_ms, run, run_entries, layout, mark)"
                    " VALUES (?, 0, 0, -1, 0, ?, ?) ON CONFLICT (shard) DO NOTHING",
                    (self.shard, LAYOUT, b""),
                )
                self.rows("SELECT seq FROM ledger_cursors WHERE shard = ? FOR UPDATE", (self.shard,))
            yield

    def insert(self, run: int, posted: Posted) -> None:
        """See `StatementTables.insert`."""
        cursor = self._connection.cursor()
        if posted.movements:
            with cursor.copy(_COPY_MOVEMENTS) as copy:
                for movement in posted.movements:
                    copy.write_row((self.shard, *movement))
        if len(posted.entries):
            with cursor.copy(_COPY_ENTRIES) as copy:
                copy.write(_COPY_HEAD + _binary_rows(run, posted.entries) + _COPY_TAIL)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def _binary_rows(run: int, entries: EntryColumns) -> bytes:
    rows = np.empty(len(entries), _ENTRY_ROW)
    rows["fields"] = 5
    rows["run_bytes"] = rows["line_bytes"] = 4
    rows["account_bytes"] = rows["seq_bytes"] = rows["amount_bytes"] = 8
    rows["run"] = run
    rows["account"], rows["seq"] = entries.accounts, entries.seqs
    rows["line"], rows["amount_fen"] = entries.lines, entries.amounts_fen
    return rows.tobytes()


def _version(connection: Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])

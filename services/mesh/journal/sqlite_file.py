"""One connection to one journal file. Everything here blocks, and runs in a thread of its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from services.mesh.journal.group import Call, Outcome, fenced, place
from services.mesh.journal.port import JournalUnavailable, Record, Snapshot
from services.mesh.settings import MeshSettings

PAGE_BYTES = 8192
"""Measured on payloads from 100 bytes to 20 KB: see README.md in this folder."""
CHECKPOINT_PAGES = 2_000
"""16 MB of write-ahead log between checkpoints, which are the commits that take long."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    trace_context TEXT NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS fence (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL
);
INSERT OR IGNORE INTO fence (id, epoch) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS snapshot (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    state BLOB NOT NULL
);
"""


class SqliteFile:
    """A journal file, opened. Not for concurrent use; its owner gives it one thread at a time.

    Every method raises `JournalUnavailable` when the file cannot be read or written in time.
    """

    def __init__(self, path: Path, settings: MeshSettings) -> None:
        self._batch_bytes_max = settings.journal_batch_bytes_max
        with _failures():
            make_durable_folder(path.parent)
            # Threads take turns, which sqlite3 cannot know.
            self._connection = sqlite3.connect(
                path,
                timeout=settings.journal_busy_ms / 1000,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def fence(self, epoch: int) -> int:
        """See `Journal.fence`."""
        with self._transaction():
            highest = self._epoch()
            if epoch < highest:
                raise fenced(epoch, highest)
            if epoch > highest:
                self._connection.execute("UPDATE fence SET epoch = ?", (epoch,))
            return self._last_seq()

    def write(self, calls: Sequence[Call]) -> list[Outcome]:
        """Keeps the calls' entries in one transaction that checks their epochs; durable on return."""
        with self._transaction():
            highest = self._epoch()
            outcomes, rows, epoch = place(calls, highest, self._last_seq())
            if epoch > highest:
                self._connection.execute("UPDATE fence SET epoch = ?", (epoch,))
            self._connection.executemany(
                "INSERT INTO records (seq, epoch, time_ms, trace_context, payload) VALUES (?, ?, ?, ?, ?)",
                [(seq, by, entry.time_ms, entry.trace_context, entry.payload) for seq, by, entry in rows],
            )
        return outcomes

    def read(self, after_seq: int, limit: int) -> list[Record]:
        """See `Journal.read`."""
        batch: list[Record] = []
        room = self._batch_bytes_max
        with _failures():
            rows = self._connection.execute(
                "SELECT seq, epoch, payload, time_ms, trace_context FROM records"
                " WHERE seq > ? ORDER BY seq LIMIT ?",
                (after_seq, limit),
            )
            for row in rows:
                room -= len(row[2])
                if batch and room < 0:
                    break
                batch.append(Record(*row))
            # An unfinished statement would hold an old view of the file, and the log could not be cut.
            rows.close()
        return batch

    def last_seq(self) -> int:
        """See `Journal.last_seq`."""
        with _failures():
            return self._last_seq()

    def save_snapshot(self, epoch: int, snapshot: Snapshot) -> None:
        """See `Journal.save_snapshot`."""
        with self._transaction():
            highest = self._epoch()
            if epoch < highest:
                raise fenced(epoch, highest)
            if epoch > highest:
                self._connection.execute("UPDATE fence SET epoch = ?", (epoch,))
            self._connection.execute(
                "INSERT OR REPLACE INTO snapshot (id, seq, state) VALUES (1, ?, ?)",
                (snapshot.seq, snapshot.state),
            )

    def load_snapshot(self) -> Snapshot | None:
        """See `Journal.load_snapshot`."""
        with _failures():
            row = self._connection.execute("SELECT seq, state FROM snapshot").fetchone()
        return None if row is None else Snapshot(*row)

    def close(self) -> None:
        """Lets go of the file. Idempotent."""
        with _failures():
            self._connection.close()

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute(f"PRAGMA page_size = {PAGE_BYTES}")
        execute("PRAGMA journal_mode = WAL")
        # FULL, not NORMAL: in WAL mode NORMAL does not sync on commit, and a power cut would take back
        # what was acknowledged.
        execute("PRAGMA synchronous = FULL")
        execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            execute(statement)
        execute("COMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE takes the write lock before the fence is read: between the check and the commit nobody
        # else can raise it, in this process or another.
        with _failures():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _epoch(self) -> int:
        return int(self._connection.execute("SELECT epoch FROM fence").fetchone()[0])

    def _last_seq(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0])


def make_durable_folder(folder: Path) -> None:
    """Creates a folder and its parents so that they survive a power cut.

    SQLite syncs the folder that its files are in, but not the folders above, which are just as new.
    """
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _failures() -> Iterator[None]:
    """Turns what SQLite and the file system say into the port's error."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalUnavailable(f"SQLite: {error}") from error

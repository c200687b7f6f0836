"""One connection to one journal file. Everything here blocks, and runs in a thread of its own."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from services.mesh.journal.group import Call, Outcome, fenced, place
from services.mesh.journal.port import EpochFenced, JournalUnavailable, Record, Snapshot
from services.mesh.journal.sqlite_generations import Generations, sync
from services.mesh.settings import MeshSettings

PAGE_BYTES = 8192
"""Measured on payloads from 100 bytes to 20 KB: see README.md in this folder."""
CHECKPOINT_PAGES = 2_000
"""16 MB of write-ahead log between checkpoints, which are the commits that take long."""

SCHEMA_VERSION = 1
"""Kept in the file; a file that carries it has all of the tables below."""

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

_FULL = 2
"""What SQLite calls FULL where it answers with a number."""
_INSERT = "INSERT INTO records (seq, epoch, time_ms, trace_context, payload) VALUES (?, ?, ?, ?, ?)"


class FileHeld(JournalUnavailable):
    """Another process holds the file's write lock, or has left the file behind."""


class SqliteFile:
    """A journal file, opened. Not for concurrent use; its owner gives it one thread at a time.

    Every method raises `JournalUnavailable` when the file cannot be read or written in time.
    """

    def __init__(self, generations: Generations, settings: MeshSettings) -> None:
        self._generations = generations
        self._batch_bytes_max = settings.journal_batch_bytes_max
        self._busy_ms = settings.journal_busy_ms
        self._takeover_ms = settings.journal_takeover_ms
        with sqlite_failures():
            make_durable_folder(generations.folder)
            self._generation = generations.current()
            path = generations.path(self._generation)
            if not path.exists():
                _create(path)
            # Threads take turns, which sqlite3 cannot know.
            self._connection = sqlite3.connect(
                path, timeout=settings.journal_busy_ms / 1000, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(self._connection)
            except BaseException:
                self._connection.close()
                raise

    def syncs_fully(self) -> bool:
        """Whether this connection, asked now, syncs the log on every commit. Raises `JournalUnavailable`."""
        with sqlite_failures():
            mode = self._connection.execute("PRAGMA journal_mode").fetchone()[0]
            synchronous = self._connection.execute("PRAGMA synchronous").fetchone()[0]
        return bool(mode == "wal" and synchronous >= _FULL)

    def fence(self, epoch: int) -> int:
        """See `Journal.fence`. Raises `FileHeld` when a takeover is needed: see `Generations`."""
        self._check_newest()
        # Whoever holds the lock for longer than a commit takes may be frozen.
        self._connection.execute(f"PRAGMA busy_timeout = {self._takeover_ms}")
        try:
            with self._transaction(epoch):
                self._present(epoch)
                return self._last_seq()
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {self._busy_ms}")

    def check_epoch(self, epoch: int) -> None:
        """Raises `EpochFenced` when a higher epoch was presented. Only reads, so no lock can hold it up."""
        with sqlite_failures():
            highest = self._epoch()
        if epoch < highest:
            raise fenced(epoch, highest)

    def write(self, calls: Sequence[Call]) -> list[Outcome]:
        """Keeps the calls' entries in one transaction that checks their epochs; durable on return."""
        try:
            with self._transaction(max(call.epoch for call in calls)):
                outcomes, rows, epoch = place(calls, self._epoch(), self._last_seq())
                self._present(epoch)
                self._connection.executemany(
                    _INSERT,
                    [(seq, by, entry.time_ms, entry.trace_context, entry.payload) for seq, by, entry in rows],
                )
        except EpochFenced:
            # The file was left behind while this was committed: none of it counts.
            return [fenced(call.epoch, self._generations.marked()) for call in calls]
        return outcomes

    def read(self, after_seq: int, limit: int) -> list[Record]:
        """See `Journal.read`."""
        batch: list[Record] = []
        room = self._batch_bytes_max
        with sqlite_failures():
            self._check_newest()
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
        with sqlite_failures():
            self._check_newest()
            return self._last_seq()

    def save_snapshot(self, epoch: int, snapshot: Snapshot) -> None:
        """See `Journal.save_snapshot`."""
        with self._transaction(epoch):
            self._present(epoch)
            self._connection.execute(
                "INSERT OR REPLACE INTO snapshot (id, seq, state) VALUES (1, ?, ?)",
                (snapshot.seq, snapshot.state),
            )

    def load_snapshot(self) -> Snapshot | None:
        """See `Journal.load_snapshot`."""
        with sqlite_failures():
            self._check_newest()
            row = self._connection.execute("SELECT seq, state FROM snapshot").fetchone()
        return None if row is None else Snapshot(*row)

    def close(self) -> None:
        """Lets go of the file. Idempotent."""
        with sqlite_failures():
            self._connection.close()

    @contextmanager
    def _transaction(self, epoch: int) -> Iterator[None]:
        # IMMEDIATE takes the write lock before the fence is read: between the check and the commit nobody
        # else can raise it, in this process or another.
        with sqlite_failures():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._check_current(epoch)

    def _check_current(self, epoch: int) -> None:
        """After a commit, before anybody is told: does this file still count?"""
        marked = self._generations.marked()
        if marked > epoch:
            raise fenced(epoch, marked)
        self._check_newest()

    def _check_newest(self) -> None:
        if self._generations.marked() > self._generation:
            raise FileHeld("the journal has moved, or is about to move, to another file: open it again")

    def _present(self, epoch: int) -> None:
        """Checks an epoch inside a transaction, and raises the fence to it."""
        highest = self._epoch()
        if epoch < highest:
            raise fenced(epoch, highest)
        if epoch > highest:
            self._connection.execute("UPDATE fence SET epoch = ?", (epoch,))

    def _epoch(self) -> int:
        return int(self._connection.execute("SELECT epoch FROM fence").fetchone()[0])

    def _last_seq(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0])


def _create(path: Path) -> None:
    """Makes a journal's first file, and puts it in its place when it is complete.

    Who is frozen in the middle of it would otherwise hold a lock that keeps everybody from opening it.
    """
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}.new")
    with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
        _prepare(connection)
    try:
        # Unlike a rename, this does not replace what somebody else has put there, and may have written to.
        path.hardlink_to(aside)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    sync(path.parent)


def _prepare(connection: sqlite3.Connection) -> None:
    execute = connection.execute
    execute(f"PRAGMA page_size = {PAGE_BYTES}")
    execute("PRAGMA journal_mode = WAL")
    # FULL, not NORMAL: in WAL mode NORMAL does not sync on commit, and a power cut would take back what was
    # acknowledged.
    execute("PRAGMA synchronous = FULL")
    execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    if execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        # Opening must not need the write lock: a frozen owner may have it.
        return
    execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.split(";"):
        execute(statement)
    execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    execute("COMMIT")


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
        sync(path.parent)


@contextmanager
def sqlite_failures() -> Iterator[None]:
    """Turns what SQLite and the file system say into the port's error."""
    try:
        yield
    except sqlite3.OperationalError as error:
        held = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        raise (FileHeld if held else JournalUnavailable)(f"SQLite: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise JournalUnavailable(f"SQLite: {error}") from error

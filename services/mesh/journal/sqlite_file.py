"""One connection to one journal file. Everything here blocks, and runs in a thread of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from services.mesh.journal.group import Call, Outcome, fenced, place
from services.mesh.journal.port import EpochFenced, JournalUnavailable, Record, Snapshot
from services.mesh.journal.sqlite_generations import Generations
from services.mesh.journal.sqlite_schema import create, make_durable_folder, prepare
from services.mesh.settings import MeshSettings

_FULL = 2
"""What SQLite calls FULL where it answers with a number."""
_INSERT = (
    "INSERT INTO records (seq, epoch, time_ms, trace_context, payload, digest) VALUES (?, ?, ?, ?, ?, ?)"
)
_AT_ONCE_MAX = 16
"""Most entries that one statement inserts: enough for a few batches, and few enough statements to be kept."""


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
        self._presented: int | None = None
        """The epoch that this connection fenced with."""
        self._expected_last = 0
        """Where the journal ends, unless somebody else has written under the same epoch."""
        with sqlite_failures():
            make_durable_folder(generations.folder)
            self._generation = generations.current()
            path = generations.path(self._generation)
            if not path.exists():
                create(path)
            # Threads take turns, which sqlite3 cannot know.
            self._connection = sqlite3.connect(
                path, timeout=settings.journal_busy_ms / 1000, isolation_level=None, check_same_thread=False
            )
            try:
                prepare(self._connection)
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
                last = self._last_seq()
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {self._busy_ms}")
        self._presented, self._expected_last = epoch, last
        return last

    def check_epoch(self, epoch: int) -> None:
        """Raises `EpochFenced` when a higher epoch was presented. Only reads, so no lock can hold it up."""
        with sqlite_failures():
            highest = self._epoch()
        if epoch < highest:
            raise fenced(epoch, highest)

    def write(self, calls: Sequence[Call]) -> list[Outcome]:
        """Keeps the calls' entries in one transaction that checks their epochs; durable on return."""
        highest = max(call.epoch for call in calls)
        try:
            with sqlite_failures():
                outcomes = self._insert_at_once(calls)
                if outcomes is not None:
                    self._check_current(highest)
                    return outcomes
            return self._insert_in_steps(calls, highest)
        except EpochFenced:
            # The file was left behind while this was committed: none of it counts.
            return [fenced(call.epoch, self._generations.marked()) for call in calls]

    def _insert_at_once(self, calls: Sequence[Call]) -> list[Outcome] | None:
        """Does the ordinary case in one statement; None when this is another case, and nothing was done.

        A statement by itself is a transaction like that of `_transaction`: SQLite takes the write lock before
        it reads the fence, and syncs before it returns. Python lets go of its own lock for each statement,
        and the thread that decides claims is slowed down whenever this one asks for that lock back.
        """
        epoch, last = self._presented, self._expected_last
        entries = [entry for call in calls for entry in call.entries]
        if len(entries) > _AT_ONCE_MAX or any(call.epoch != epoch for call in calls):
            return None
        if not _follow_on_each_other(calls, last):
            return None
        values: list[object] = [epoch]
        for seq, entry in enumerate(entries, start=last + 1):
            values += (seq, entry.time_ms, entry.trace_context, entry.payload, entry.digest)
        try:
            inserted = self._connection.execute(_insert_if_current(len(entries)), values).rowcount
        except sqlite3.IntegrityError:
            return None  # Somebody else has written a record of that number, so where is the end?
        if inserted != len(entries):
            return None  # A higher epoch was presented.
        outcomes: list[Outcome] = []
        for call in calls:
            last += len(call.entries)
            outcomes.append(last)
        self._expected_last = last
        return outcomes

    def _insert_in_steps(self, calls: Sequence[Call], highest: int) -> list[Outcome]:
        with self._transaction(highest):
            outcomes, rows, epoch = place(calls, self._epoch(), self._last_seq())
            self._present(epoch)
            self._connection.executemany(
                _INSERT,
                [
                    (seq, by, entry.time_ms, entry.trace_context, entry.payload, entry.digest)
                    for seq, by, entry in rows
                ],
            )
        self._expected_last = max((seq for seq in outcomes if isinstance(seq, int)), default=0)
        return outcomes

    def read(self, after_seq: int, limit: int) -> list[Record]:
        """See `Journal.read`."""
        batch: list[Record] = []
        room = self._batch_bytes_max
        with sqlite_failures():
            self._check_newest()
            rows = self._connection.execute(
                "SELECT seq, epoch, payload, time_ms, trace_context, digest FROM records"
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
        self._check_newest(marked)

    def _check_newest(self, marked: int | None = None) -> None:
        if (self._generations.marked() if marked is None else marked) > self._generation:
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


def _follow_on_each_other(calls: Sequence[Call], last: int) -> bool:
    for call in calls:
        if call.after_seq not in {None, last}:
            return False
        last += len(call.entries)
    return True


@cache
def _insert_if_current(count: int) -> str:
    """Inserts so many records, or nothing unless the fence stands at the epoch, which is the first value."""
    rows = ", ".join(
        f"(?{first}, ?1, ?{first + 1}, ?{first + 2}, ?{first + 3}, ?{first + 4})"
        for first in range(2, 2 + 5 * count, 5)
    )
    return (
        "INSERT INTO records (seq, epoch, time_ms, trace_context, payload, digest)"  # noqa: S608 - nothing but numbers
        f" SELECT * FROM (VALUES {rows}) WHERE (SELECT epoch FROM fence) = ?1"
    )


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

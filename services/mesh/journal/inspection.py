"""Looking at journals from outside, as they are stored: for auditors, not for owners.

Nothing is created, migrated, locked or believed here: a missing column is an empty one, a gap is a gap, and
what is no payload comes as it is. Everything blocks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from services.mesh.journal.port import JournalUnavailable, Record, Snapshot
from services.mesh.journal.sqlite_generations import Generations

ROWS_BYTES_MAX = 8 * 1024 * 1024
"""Most payload that is read at once, bytes; a single larger record is read alone."""
BEFORE_ALL = -(1 << 63)
"""Reads from the very first row, even one that has no business to be there."""


@dataclass(frozen=True, slots=True)
class JournalEnd:
    """What a store says of a journal's end beside its rows."""

    last_seq: int
    """The number of the last row."""
    told_seq: int | None
    """The end as the store keeps it apart from the rows; None where it does not."""


class Inspection(Protocol):
    """One shard's journal, opened for reading. Methods raise `JournalUnavailable`."""

    def end(self) -> JournalEnd:
        """Where the journal ends now."""
        ...

    def rows(self, after_seq: int, limit: int) -> Sequence[Record]:
        """Rows above a number, in order; `limit` or fewer, at least one if there is any."""
        ...

    def snapshot(self) -> Snapshot | None:
        """The snapshot, if there is one."""
        ...


@contextmanager
def inspected(url: str, service: str, shard: int) -> Iterator[Inspection | None]:
    """Opens a shard's journal in one place; None when there is no such journal.

    Raises `JournalUnavailable` when the place cannot be read, ValueError for an address that means nothing.
    """
    scheme, _, rest = url.partition(":")
    try:
        if scheme == "sqlite" and rest:
            with _sqlite(Path(rest), service, shard) as inspection:
                yield inspection
        elif scheme in {"postgresql", "postgres"}:
            with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
                yield _PostgresInspection.find(connection, service, shard)
        else:
            raise ValueError("a journal's address is sqlite:<folder> or postgresql://...")
    except (sqlite3.Error, OSError, psycopg.Error) as failure:
        cause = str(failure).strip().partition("\n")[0]
        raise JournalUnavailable(f"journal of {service} shard {shard}: {cause}") from failure


def journals_beyond(url: str, service: str, shard_count: int) -> list[int]:
    """Shards of a service that a place has journals of, though there are not so many shards."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        names = (path.name.partition(".")[0] for path in (Path(rest) / service).glob("*.db"))
        return sorted({int(name) for name in names if name.isdigit() and int(name) >= shard_count})
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        if not _has_table(connection, "journal_heads"):
            return []
        rows = connection.execute(
            "SELECT shard FROM journal_heads WHERE service = %s AND shard >= %s ORDER BY shard",
            (service, shard_count),
        ).fetchall()
    return [int(row[0]) for row in rows]


@contextmanager
def _sqlite(folder: Path, service: str, shard: int) -> Iterator[Inspection | None]:
    generations = Generations(folder / service, shard)
    path = generations.path(generations.current())
    if not path.exists():
        yield None
        return
    # A log needs a shared-memory file beside it, which a reader without the right to write could not make;
    # without a log the file by itself is all there is.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    place = f"{path.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(place, uri=True, isolation_level=None, timeout=10)) as connection:
        columns = {column[1] for column in connection.execute("PRAGMA table_info(records)")}
        yield _SqliteInspection(connection, "digest" if "digest" in columns else "x''")


class _SqliteInspection:
    """See `Inspection`."""

    def __init__(self, connection: sqlite3.Connection, digest: str) -> None:
        self._connection = connection
        self._read = (
            f"SELECT seq, epoch, payload, time_ms, trace_context, {digest} FROM records"  # noqa: S608 - a constant
            " WHERE seq > ? ORDER BY seq LIMIT ?"
        )

    def end(self) -> JournalEnd:
        row = self._connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()
        return JournalEnd(int(row[0]), None)

    def rows(self, after_seq: int, limit: int) -> Sequence[Record]:
        with closing(self._connection.execute(self._read, (after_seq, limit))) as found:
            return _within_bounds(found)

    def snapshot(self) -> Snapshot | None:
        row = self._connection.execute("SELECT seq, state FROM snapshot").fetchone()
        return None if row is None else Snapshot(*row)


class _PostgresInspection:
    """See `Inspection`."""

    def __init__(
        self, connection: psycopg.Connection[tuple[Any, ...]], key: tuple[str, int], digest: str
    ) -> None:
        self._connection = connection
        self._key = key
        self._read = (
            f"SELECT seq, epoch, payload, time_ms, trace_context, {digest} FROM journal_records"  # noqa: S608 - a constant
            " WHERE service = %s AND shard = %s AND seq > %s ORDER BY seq LIMIT %s"
        ).encode()

    @classmethod
    def find(
        cls, connection: psycopg.Connection[tuple[Any, ...]], service: str, shard: int
    ) -> _PostgresInspection | None:
        if not _has_table(connection, "journal_heads"):
            return None
        found = connection.execute(
            "SELECT 1 FROM journal_heads WHERE service = %s AND shard = %s"
            " UNION SELECT 1 FROM journal_records WHERE service = %s AND shard = %s",
            (service, shard, service, shard),
        ).fetchone()
        if found is None:
            return None
        has_digest = connection.execute(
            "SELECT 1 FROM information_schema.columns"
            " WHERE table_name = 'journal_records' AND column_name = 'digest'"
        ).fetchone()
        return cls(connection, (service, shard), "digest" if has_digest else "''::BYTEA")

    def end(self) -> JournalEnd:
        # One statement sees one moment: the two can be compared while somebody writes.
        row = self._connection.execute(
            "SELECT (SELECT coalesce(max(seq), 0) FROM journal_records WHERE service = %s AND shard = %s),"
            " (SELECT last_seq FROM journal_heads WHERE service = %s AND shard = %s)",
            (*self._key, *self._key),
        ).fetchone()
        assert row is not None, "a SELECT of values has a row"  # noqa: S101 - an invariant
        # Without a row for its end the journal is one that nobody could have written.
        return JournalEnd(int(row[0]), int(row[1] or 0))

    def rows(self, after_seq: int, limit: int) -> Sequence[Record]:
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(self._read, (*self._key, after_seq, limit))
            return _within_bounds(cursor)

    def snapshot(self) -> Snapshot | None:
        row = self._connection.execute(
            "SELECT seq, state FROM journal_snapshots WHERE service = %s AND shard = %s", self._key
        ).fetchone()
        return None if row is None else Snapshot(int(row[0]), bytes(row[1]))


def _within_bounds(found: Any) -> list[Record]:
    batch: list[Record] = []
    room = ROWS_BYTES_MAX
    for row in found:
        record = Record(*row)
        # Somebody may have stored anything there.
        room -= len(record.payload) if isinstance(record.payload, bytes) else 0
        if batch and room < 0:
            break
        batch.append(record)
    return batch


def _has_table(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_name = %s", (name,)
    ).fetchone()
    return found is not None

"""Journals in PostgreSQL, or in a database that speaks its language.

Only plain tables, row locks and statements that distributed PostgreSQL-compatible databases accept: no
advisory locks, no LISTEN, no sequences.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from services.mesh.backoff import Backoff
from services.mesh.clock import SystemClock
from services.mesh.journal.group import Call, GroupCommit, Outcome, fenced, place
from services.mesh.journal.port import Entry, JournalUnavailable, Record, Snapshot
from services.mesh.journal.postgres_connections import Connection, PostgresConnections
from services.mesh.journal.tip import Tip
from services.mesh.settings import MeshSettings

ATTEMPTS_MAX = 5
"""Attempts of one transaction; what was lost with a connection is looked up before it is written again."""

_LOCK = "SELECT epoch, last_seq, last_commit FROM journal_heads WHERE service = %s AND shard = %s FOR UPDATE"
_INSERT = """
    INSERT INTO journal_records (service, shard, seq, epoch, time_ms, trace_context, payload, digest)
    SELECT %s, %s, r.seq, r.epoch, r.time_ms, r.trace_context, r.payload, r.digest
    FROM unnest(%b::BIGINT[], %b::BIGINT[], %b::BIGINT[], %b::TEXT[], %b::BYTEA[], %b::BYTEA[])
        AS r (seq, epoch, time_ms, trace_context, payload, digest)
"""
_MOVE = (
    "UPDATE journal_heads SET epoch = %s, last_seq = %s, last_commit = %s WHERE service = %s AND shard = %s"
)
_READ = """
    SELECT seq, epoch, payload, time_ms, trace_context, digest
    FROM (
        SELECT seq, epoch, payload, time_ms, trace_context, digest,
               sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS bytes_before
        FROM (
            SELECT seq, epoch, payload, time_ms, trace_context, digest FROM journal_records
            WHERE service = %s AND shard = %s AND seq > %s ORDER BY seq LIMIT %s
        ) AS next_records
    ) AS measured
    WHERE bytes_before < %s ORDER BY seq
"""


class PostgresStore:
    """Journals in one database. All of a store's journals share its connections."""

    def __init__(self, url: str, settings: MeshSettings) -> None:
        self._settings = settings
        self._connections = PostgresConnections(url, settings)

    async def open(self, service: str, shard: int) -> PostgresJournal:
        """See `JournalStore.open`."""
        journal = PostgresJournal(self._connections, service, shard, self._settings)
        await journal.open()
        return journal

    async def close(self) -> None:
        """See `JournalStore.close`."""
        await self._connections.close()


class PostgresJournal:
    """One handle on a journal in PostgreSQL. See `Journal` for the methods."""

    def __init__(
        self, connections: PostgresConnections, service: str, shard: int, settings: MeshSettings
    ) -> None:
        self._connections = connections
        self._key = (service, shard)
        self._settings = settings
        self._tip = Tip(SystemClock(), settings.journal_poll_ms / 1000)
        self._group = GroupCommit(service, settings, self._write)
        self._closed = False

    async def open(self) -> None:
        """Creates the journal's row when it is new. Raises `JournalUnavailable`."""
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO journal_heads (service, shard, epoch, last_seq, last_commit)"
                " VALUES (%s, %s, 0, 0, '') ON CONFLICT (service, shard) DO NOTHING",
                self._key,
            )

    async def fence(self, epoch: int) -> int:
        """See `Journal.fence`."""
        async with self._connection() as connection:
            cursor = await connection.execute(
                "UPDATE journal_heads SET epoch = %s"
                " WHERE service = %s AND shard = %s AND epoch <= %s RETURNING last_seq",
                (epoch, *self._key, epoch),
            )
            row = await cursor.fetchone()
            if row is None:
                cursor = await connection.execute(
                    "SELECT epoch FROM journal_heads WHERE service = %s AND shard = %s", self._key
                )
                row = await cursor.fetchone()
                raise fenced(epoch, int(row[0]) if row else 0)
        self._tip.ours = True
        self._tip.reached(int(row[0]))
        return int(row[0])

    async def append(self, epoch: int, entries: Sequence[Entry], after_seq: int | None = None) -> int:
        """See `Journal.append`."""
        return await self._group.append(epoch, entries, after_seq)

    async def read(self, after_seq: int, limit: int) -> list[Record]:
        """See `Journal.read`."""
        async with self._connection() as connection:
            cursor = await connection.execute(
                _READ, (*self._key, after_seq, limit, self._settings.journal_batch_bytes_max), binary=True
            )
            return [Record(*row) for row in await cursor.fetchall()]

    async def last_seq(self) -> int:
        """See `Journal.last_seq`."""
        async with self._connection() as connection:
            cursor = await connection.execute(
                "SELECT last_seq FROM journal_heads WHERE service = %s AND shard = %s", self._key
            )
            row = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    async def wait_beyond(self, seq: int, timeout_s: float) -> bool:
        """See `Journal.wait_beyond`."""
        return await self._tip.beyond(seq, timeout_s, self.last_seq)

    async def save_snapshot(self, epoch: int, snapshot: Snapshot) -> None:
        """See `Journal.save_snapshot`."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO journal_snapshots (service, shard, seq, state) VALUES (%s, %s, %s, %b)"
                " ON CONFLICT (service, shard) DO UPDATE SET seq = excluded.seq, state = excluded.state",
                (*self._key, snapshot.seq, snapshot.state),
            )
            # The journal's row comes last: appends wait for it, and must not wait for a large state.
            highest, _, _ = await _fetched(await connection.execute(_LOCK, self._key))
            if epoch < highest:
                raise fenced(epoch, highest)
            await connection.execute(
                "UPDATE journal_heads SET epoch = %s WHERE service = %s AND shard = %s", (epoch, *self._key)
            )

    async def load_snapshot(self) -> Snapshot | None:
        """See `Journal.load_snapshot`."""
        async with self._connection() as connection:
            cursor = await connection.execute(
                "SELECT seq, state FROM journal_snapshots WHERE service = %s AND shard = %s",
                self._key,
                binary=True,
            )
            row = await cursor.fetchone()
        return None if row is None else Snapshot(*row)

    async def close(self) -> None:
        """See `Journal.close`."""
        self._closed = True
        await self._group.close()

    async def _write(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        """Keeps the calls in one transaction, once, however many connections break on the way."""
        attempt = _Attempt(commit=uuid.uuid4().hex)
        backoff = Backoff(self._settings.backoff_ms_min, self._settings.backoff_ms_max)
        for left in reversed(range(ATTEMPTS_MAX)):
            try:
                async with self._connections.use() as connection:
                    outcomes = await self._transact(connection, calls, attempt)
                break
            except (psycopg.Error, JournalUnavailable) as error:
                if not left or not _worth_retrying(error):
                    raise JournalUnavailable(f"PostgreSQL: {error}") from error
            await asyncio.sleep(backoff.next_s())
        self._tip.reached(max((seq for seq in outcomes if isinstance(seq, int)), default=0))
        return outcomes

    async def _transact(
        self, connection: Connection, calls: Sequence[Call], attempt: _Attempt
    ) -> Sequence[Outcome]:
        # Pipelined: two round trips for the whole transaction.
        async with connection.pipeline() as pipeline:
            await connection.execute("BEGIN")
            head = await connection.execute(_LOCK, self._key)
            # The database takes us for idle, and ends us when we are frozen, only after a Sync; fetching by
            # itself sends a Flush.
            await pipeline.sync()
            highest, last_seq, last_commit = await _fetched(head)
            if attempt.sent:
                # The last attempt's connection broke while it was committing. Its transaction is over now,
                # or it would still hold the row.
                if last_commit == attempt.commit:
                    await connection.execute("ROLLBACK")
                    return attempt.outcomes
                if last_seq != attempt.after_seq:
                    raise JournalUnavailable("someone else wrote while the outcome of a commit was open")
            outcomes, rows, epoch = place(calls, highest, last_seq)
            if not rows:
                await connection.execute("ROLLBACK")
                return outcomes
            attempt.outcomes, attempt.after_seq, attempt.sent = outcomes, last_seq, True
            await connection.execute(_INSERT, (*self._key, *_columns(rows)))
            await connection.execute(_MOVE, (epoch, rows[-1][0], attempt.commit, *self._key))
            await connection.execute("COMMIT")
        return outcomes

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        try:
            async with self._connections.use() as connection:
                yield connection
        except psycopg.Error as error:
            raise JournalUnavailable(f"PostgreSQL: {error}") from error


@dataclass(slots=True)
class _Attempt:
    """What must be remembered of a transaction whose commit may or may not have happened."""

    commit: str
    """A name of the transaction that the journal's row will carry if it happened."""
    sent: bool = False
    after_seq: int = 0
    outcomes: Sequence[Outcome] = ()


async def _fetched(head: psycopg.AsyncCursor[tuple[Any, ...]]) -> tuple[int, int, str]:
    """What `_LOCK` found: (epoch, last seq, name of the last commit)."""
    row = await head.fetchone()
    if row is None:
        raise JournalUnavailable("the journal's row is gone")
    return int(row[0]), int(row[1]), str(row[2])


def _columns(
    rows: Sequence[tuple[int, int, Entry]],
) -> tuple[list[int], list[int], list[int], list[str], list[bytes], list[bytes]]:
    return (
        [seq for seq, _, _ in rows],
        [epoch for _, epoch, _ in rows],
        [entry.time_ms for _, _, entry in rows],
        [entry.trace_context for _, _, entry in rows],
        [entry.payload for _, _, entry in rows],
        [entry.digest for _, _, entry in rows],
    )


def _worth_retrying(error: Exception) -> bool:
    """Whether a new connection, or another try, may help: lost connections, and conflicts of transactions."""
    if isinstance(error, JournalUnavailable):
        return isinstance(error.__cause__, psycopg.OperationalError)
    if isinstance(error, (psycopg.errors.LockNotAvailable, psycopg.errors.DiskFull)):
        return False
    return isinstance(
        error,
        (
            psycopg.OperationalError,
            psycopg.InterfaceError,
            # How a database ends a transaction in which we slept too long; to psycopg they are internal.
            psycopg.errors.IdleInTransactionSessionTimeout,
            psycopg.errors.TransactionTimeout,
        ),
    )

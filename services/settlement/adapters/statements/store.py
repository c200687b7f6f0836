"""Where the statements' tables are, and the threads that work on them: never the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psycopg

from services.mesh.database.versions import MigrationFailed
from services.mesh.shards.groups import ShardGroups
from services.settlement.adapters.statements import postgres, sqlite
from services.settlement.adapters.statements.postgres import PostgresTables
from services.settlement.adapters.statements.sqlite import SqliteTables
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.statement_errors import StatementsUnavailable
from services.settlement.settings import SettlementSettings

T = TypeVar("T")

_FAILURES = (sqlite3.Error, psycopg.Error, MigrationFailed, OSError)
"""What a database that does not answer, or not as it should, raises."""


_Connection = sqlite3.Connection | postgres.Connection


class StatementStore:
    """The statements of all shards of one process. Nothing is touched before the first use."""

    def __init__(self, address: str, settings: SettlementSettings) -> None:
        """Finds the databases: `address` is written as `journal_url` is, `memory` keeps all in this process.

        With a store in memory, and with no threads in settings, work is done at once and on the loop: in
        simulations chance must have no say. Raises ValueError for an address that means nothing.
        """
        self._groups = None if address == "memory" else ShardGroups.parse(address)
        for url in () if self._groups is None else self._groups.urls():
            if url.partition(":")[0] not in {"sqlite", "postgresql", "postgres"}:
                raise ValueError("statements are kept at sqlite:<folder> or postgresql://...")
        self._busy_ms = settings.statement_busy_ms
        threads = 0 if self._groups is None else settings.statement_threads
        self._writers = ThreadPoolExecutor(1, "statements-write") if threads else None
        self._readers = ThreadPoolExecutor(threads, "statements-read") if threads else None
        self._here = threading.local()
        self._all: set[_Connection] = set()
        self._lock = threading.Lock()
        self._closed = False

    async def write(self, shard: int, work: Callable[[StatementTables], T]) -> T:
        """Runs work that changes a shard's rows. Raises `StatementsUnavailable`."""
        return await self._run(self._writers, shard, work)

    async def read(self, shard: int, work: Callable[[StatementTables], T]) -> T:
        """Runs work that only reads a shard's rows. Raises `StatementsUnavailable`."""
        return await self._run(self._readers, shard, work)

    async def close(self) -> None:
        """Waits for what was begun, and lets go of threads and connections. Idempotent."""
        self._closed = True
        for pool in (self._writers, self._readers):
            if pool is not None:
                await asyncio.to_thread(pool.shutdown)
        with self._lock:
            connections, self._all = self._all, set()
        for connection in connections:
            connection.close()

    async def _run(
        self, pool: ThreadPoolExecutor | None, shard: int, work: Callable[[StatementTables], T]
    ) -> T:
        if self._closed:
            raise StatementsUnavailable("the statements are closed", shard=shard)
        if pool is None:
            return self._work(shard, work)
        return await asyncio.get_running_loop().run_in_executor(pool, self._work, shard, work)

    def _work(self, shard: int, work: Callable[[StatementTables], T]) -> T:
        """Does the work with this thread's own connection; after an error the next one gets a new one."""
        try:
            return work(self._tables(shard))
        except _FAILURES as failure:
            self._drop(self._key(shard))
            cause = str(failure).strip().partition("\n")[0]
            raise StatementsUnavailable(f"statements of shard {shard}: {cause}", shard=shard) from failure

    def _tables(self, shard: int) -> StatementTables:
        key = self._key(shard)
        open_here = self._open_here()
        connection = open_here.get(key)
        if isinstance(connection, psycopg.Connection) and connection.closed:
            connection = None
        if connection is None:
            connection = open_here[key] = self._connect(key)
            with self._lock:
                self._all.add(connection)
        if isinstance(connection, psycopg.Connection):
            return PostgresTables(shard, connection)
        return SqliteTables(shard, connection)

    def _key(self, shard: int) -> str:
        """Names a connection: shards of one PostgreSQL share it."""
        if self._groups is None:
            return f"memory:{shard}"
        url = self._groups.url(shard)
        return f"{url}#{shard}" if url.startswith("sqlite:") else url

    def _connect(self, key: str) -> _Connection:
        scheme, _, rest = key.partition(":")
        match scheme:
            case "memory":
                return sqlite.connect(None, self._busy_ms)
            case "sqlite":
                folder, _, shard = rest.rpartition("#")
                return sqlite.connect(sqlite.place_of(Path(folder), int(shard)), self._busy_ms)
            case _:
                return postgres.connect(key, self._busy_ms)

    def _drop(self, key: str) -> None:
        if self._groups is None:
            return  # What is in memory has nowhere else to be.
        connection = self._open_here().pop(key, None)
        if connection is not None:
            with self._lock:
                self._all.discard(connection)
            with suppress(*_FAILURES):
                connection.close()

    def _open_here(self) -> dict[str, _Connection]:
        found: dict[str, _Connection] | None = getattr(self._here, "connections", None)
        if found is None:
            found = self._here.connections = {}
        return found

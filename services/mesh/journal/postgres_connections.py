"""A bounded number of connections to one PostgreSQL database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from services.mesh.database.versions import MigrationFailed, is_current, is_newer
from services.mesh.journal.port import JournalUnavailable
from services.mesh.logs import get_logger
from services.mesh.settings import MeshSettings

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

_log = get_logger("mesh.journal")

_PASSWORD = re.compile(r"(://[^:@/]*):[^@]*@")


class PostgresConnections:
    """Connections that are shared by the journals of one store, made when they are needed."""

    def __init__(self, url: str, settings: MeshSettings) -> None:
        self._url = url
        self._busy_ms = settings.journal_busy_ms
        self._free = asyncio.Semaphore(settings.journal_connections_max)
        self._idle: list[Connection] = []
        self._schema = asyncio.Lock()
        self._schema_ready = False
        self._closed = False

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode. One that an error went through is thrown away, not reused.

        Raises `JournalUnavailable` when none can be made.
        """
        async with self._free:
            connection = await self._take()
            try:
                yield connection
            except BaseException:
                await connection.close()
                raise
            if self._closed:
                await connection.close()
            else:
                self._idle.append(connection)

    async def close(self) -> None:
        """Closes what is idle; what is in use closes when it comes back. Idempotent."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> Connection:
        if self._closed:
            raise JournalUnavailable("the journal store is closed")
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        try:
            connection = await self._connect()
        except (psycopg.Error, MigrationFailed) as error:
            at = _PASSWORD.sub(r"\1:***@", self._url)
            raise JournalUnavailable(f"PostgreSQL at {at}: {error}") from error
        return connection

    async def _connect(self) -> Connection:
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=max(2, self._busy_ms // 1000),
            keepalives=1,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            # A connection whose other end is gone must fail about as soon as a lock that nobody releases.
            tcp_user_timeout=self._busy_ms * 2,
        )
        try:
            await self._configure(connection)
            async with self._schema:
                if not self._schema_ready:
                    await _bring_up_to_date(connection, self._url)
                    self._schema_ready = True
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _configure(self, connection: Connection) -> None:
        # An owner that is frozen inside a transaction holds its journal's row. The database ends that
        # transaction, so that the next owner, who waits a little longer for the lock, can fence.
        for name, value_ms in (
            ("idle_in_transaction_session_timeout", self._busy_ms),
            ("lock_timeout", self._busy_ms * 2),
            ("statement_timeout", self._busy_ms * 10),
        ):
            await connection.execute("SELECT set_config(%s, %s, false)", (name, str(value_ms)))
        # Idle is only who sleeps between messages: who is frozen in the middle of sending some is ended by
        # this, which PostgreSQL has since version 17.
        await connection.execute(
            "SELECT set_config('transaction_timeout', %s, false)"
            " WHERE current_setting('transaction_timeout', true) IS NOT NULL",
            (str(self._busy_ms * 10),),
        )
        # A database that is set to answer before it has synced would take back what we acknowledged.
        await connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit', true) = 'off'"
        )


async def _bring_up_to_date(connection: Connection, url: str) -> None:
    """Runs the migrations that the database lacks. Several processes may come here at once."""
    try:
        cursor = await connection.execute("SELECT version_num FROM alembic_version")
        row = await cursor.fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    version = None if row is None else str(row[0])
    if version is not None and is_newer(version):
        _log.warning("tables_are_of_a_newer_release", version=version)
    if is_current(version):
        return
    # It takes a third of a second to load, and almost no process has to.
    from services.mesh.database.migration import migrate  # noqa: PLC0415

    await asyncio.to_thread(migrate, url)
    _log.info("tables_brought_up_to_date", version_before=version)

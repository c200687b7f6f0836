"""The real identity service, on a SQLite file of the case's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.identity.__main__ import wire
from services.identity.adapters.tables import schema
from services.identity.settings import IdentitySettings
from services.mesh.database.database import Database
from tests.contract.bench import Bench, Provider


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        IdentitySettings, identity_registry_timeout_ms=100, identity_failed_checks_max=2
    )
    database = await Database.open(settings, schema)
    try:
        address = await bench.serve("identity", wire(settings, database, bench.clock), settings)
        yield Provider(address)
    finally:
        await database.close()

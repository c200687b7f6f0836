"""The journal's adapters under test, each behind one way to open the same data again and again."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import Entry, Journal, JournalStore, Record
from services.mesh.journal.store import store_from_url
from services.mesh.settings import MeshSettings

ADAPTERS = ("memory", "sqlite", "postgres")
EPOCH = 7


def journal_settings(**knobs: int) -> MeshSettings:
    """Settings with short waits, so that a test which should fail does so soon."""
    return MeshSettings.model_validate({"journal_poll_ms": 5, "journal_busy_ms": 1_000, **knobs})


class Bench:
    """Opens handles on one set of data, as processes would that share a disk or a database."""

    def __init__(self, make_store: Callable[[], JournalStore]) -> None:
        self._make_store = make_store
        # Tests may share a database: each has services of its own in it.
        self._prefix = uuid.uuid4().hex[:8]
        self._stores: list[JournalStore] = []
        self._journals: list[Journal] = []

    async def open(self, shard: int = 0, service: str = "toys") -> Journal:
        """A handle of its own store: nothing is shared with other handles but the data."""
        store = self._make_store()
        self._stores.append(store)
        journal = await store.open(f"{self._prefix}-{service}", shard)
        self._journals.append(journal)
        return journal

    async def close(self) -> None:
        for journal in self._journals:
            await journal.close()
        for store in self._stores:
            await store.close()


@pytest.fixture(params=ADAPTERS)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    settings = journal_settings()
    if request.param == "memory":
        disk = MemoryStore(settings)
        bench = Bench(lambda: disk)
    elif request.param == "sqlite":
        bench = Bench(lambda: store_from_url(f"sqlite:{tmp_path}", settings))
    else:
        url: str = request.getfixturevalue("postgres_shared_url")
        bench = Bench(lambda: store_from_url(url, settings))
    yield bench
    await bench.close()


def entries(*names: str) -> list[Entry]:
    """One entry for each name."""
    return [Entry(name.encode(), time_ms=1_000 + index) for index, name in enumerate(names)]


def names(records: list[Record]) -> list[str]:
    """The names that `entries` were made of."""
    return [record.payload.decode() for record in records]

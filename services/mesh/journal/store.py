"""Finding journal stores by their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.mesh.journal.port import Journal, JournalStore
from services.mesh.journal.postgres import PostgresStore
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.settings import MeshSettings
from services.mesh.shards.groups import ShardGroups


def store_from_url(url: str, settings: MeshSettings) -> JournalStore:
    """Opens the store that `journal_url` names: one address, or one for each group of shards.

    Nothing is touched until the first journal is opened. Raises ValueError for any other address.
    """
    groups = ShardGroups.parse(url)
    if (everywhere := groups.only()) is not None:
        return _store(everywhere, settings)
    return GroupedStore(groups, {place: _store(place, settings) for place in groups.urls()})


class GroupedStore:
    """Several stores, each with the journals of some shards."""

    def __init__(self, groups: ShardGroups, stores: Mapping[str, JournalStore]) -> None:
        self._groups = groups
        self._stores = stores

    async def open(self, service: str, shard: int) -> Journal:
        """See `JournalStore.open`. Raises ValueError for a shard that is in no group."""
        return await self._stores[self._groups.url(shard)].open(service, shard)

    async def close(self) -> None:
        """See `JournalStore.close`."""
        for store in self._stores.values():
            await store.close()


def _store(url: str, settings: MeshSettings) -> JournalStore:
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        return SqliteStore(Path(rest), settings)
    if scheme in {"postgresql", "postgres"}:
        return PostgresStore(url, settings)
    raise ValueError("a journal's address is sqlite:<folder> or postgresql://...")

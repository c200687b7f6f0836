"""The shard map as etcd tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.view import PrefixView
from services.mesh.etcd.watch import Change
from services.mesh.shards.hashing import check_shard_count
from services.mesh.shards.map import ShardOwner, check_shard
from services.mesh.shards.records import ServiceKeys, read_owner


class EtcdShardMap:
    """A `ShardMap` that follows the ownership keys of one service.

    While etcd cannot be reached it keeps what it last heard: calls go on, and the owners' answers and the
    store's fence keep them right.
    """

    def __init__(self, client: EtcdClient, service: str, shard_count: int) -> None:
        check_shard_count(shard_count)
        self.service = service
        self.shard_count = shard_count
        self._keys = ServiceKeys(service)
        self._view = PrefixView(client, self._keys.shards, self._apply)
        self._owners: dict[int, ShardOwner] = {}
        self._subscribers: list[Callable[[int], None]] = []

    async def start(self) -> None:
        """Begins to watch; returns when the present owners are known, be there any or not."""
        await self._view.start()

    async def close(self) -> None:
        """Ends the watch. Idempotent."""
        await self._view.close()

    @property
    def version(self) -> int:
        """See `ShardMap.version`."""
        return self._view.version

    def owner(self, shard: int) -> ShardOwner | None:
        """See `ShardMap.owner`."""
        check_shard(shard, self.shard_count)
        return self._owners.get(shard)

    def owners(self) -> Mapping[int, ShardOwner]:
        """See `ShardMap.owners`."""
        return dict(self._owners)

    async def changed(self, since_version: int) -> int:
        """See `ShardMap.changed`."""
        return await self._view.changed(since_version)

    def subscribe(self, told: Callable[[int], None]) -> None:
        """See `ShardMap.subscribe`."""
        self._subscribers.append(told)

    def _apply(self, change: Change) -> None:
        shard = self._keys.shard_number(change.key)
        owner = read_owner(change.now) if change.now is not None else None
        if shard is None or shard >= self.shard_count:
            return
        if owner is None:
            self._owners.pop(shard, None)
        else:
            self._owners[shard] = owner
        for told in self._subscribers:
            told(shard)

"""The shard map: what a caller knows about who owns which shard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.shards.hashing import check_shard_count


@dataclass(frozen=True, slots=True)
class ShardOwner:
    """The instance that holds a shard."""

    instance: str
    address: str
    """host:port, as given to a channel."""
    epoch: int
    """Create-revision of the ownership key: rises with every change of owner."""


class NoOwner(ServiceError):
    """Nobody holds the shard right now, for example in the moments between two owners."""

    kind = ErrorKind.UNAVAILABLE
    reason = "SHARD_WITHOUT_OWNER"
    retry_delay_ms = 100


class ShardMap(Protocol):
    """Ownership of one service's shards, as last heard. It may be behind: the owner's answer is the truth."""

    @property
    def service(self) -> str:
        """Short name of the sharded service, such as "allocation"."""
        ...

    @property
    def shard_count(self) -> int:
        """Shards are numbered from 0 to this, exclusively."""
        ...

    @property
    def version(self) -> int:
        """Rises with every change of the map."""
        ...

    def owner(self, shard: int) -> ShardOwner | None:
        """The owner as last heard, None while there is none. Raises ValueError for a number out of range."""
        ...

    def owners(self) -> Mapping[int, ShardOwner]:
        """All shards that have an owner."""
        ...

    async def changed(self, since_version: int) -> int:
        """Returns the version as soon as it is not `since_version` (at once when it already is not)."""
        ...

    def subscribe(self, told: Callable[[int], None]) -> None:
        """Has `told` called with every shard whose owner has changed, once the map shows it.

        It must not raise. There is no end to it: whoever subscribes lives as long as the map.
        """
        ...


class StaticShardMap:
    """A map that its holder writes: for meshes in one process, for tests, and for fixed addresses."""

    def __init__(
        self, service: str, shard_count: int, owners: Mapping[int, ShardOwner] | None = None
    ) -> None:
        check_shard_count(shard_count)
        self.service = service
        self.shard_count = shard_count
        self.version = 0
        self._owners = dict(owners or {})
        self._next_change = asyncio.Event()
        self._subscribers: list[Callable[[int], None]] = []

    @classmethod
    def with_one_owner(cls, service: str, shard_count: int, address: str) -> StaticShardMap:
        """Everything at one address, under epoch 1."""
        owner = ShardOwner(instance=f"{service}-0", address=address, epoch=1)
        return cls(service, shard_count, dict.fromkeys(range(shard_count), owner))

    def assign(self, shard: int, owner: ShardOwner | None) -> None:
        """Changes a shard's owner, None for nobody, and wakes everyone who waits for a change."""
        check_shard(shard, self.shard_count)
        if owner is None:
            self._owners.pop(shard, None)
        else:
            self._owners[shard] = owner
        self.version += 1
        for told in self._subscribers:
            told(shard)
        self._next_change.set()
        self._next_change = asyncio.Event()

    def owner(self, shard: int) -> ShardOwner | None:
        """See `ShardMap.owner`."""
        check_shard(shard, self.shard_count)
        return self._owners.get(shard)

    def owners(self) -> Mapping[int, ShardOwner]:
        """See `ShardMap.owners`."""
        return dict(self._owners)

    async def changed(self, since_version: int) -> int:
        """See `ShardMap.changed`."""
        while self.version == since_version:
            await self._next_change.wait()
        return self.version

    def subscribe(self, told: Callable[[int], None]) -> None:
        """See `ShardMap.subscribe`."""
        self._subscribers.append(told)


def check_shard(shard: int, shard_count: int) -> None:
    """Raises ValueError for a shard number that does not exist."""
    if not 0 <= shard < shard_count:
        raise ValueError(f"there is no shard {shard} among {shard_count}")

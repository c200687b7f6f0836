"""What all seats of an instance share during one session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.mesh.backoff import Backoff
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import EtcdUnavailable
from services.mesh.etcd.session import Session
from services.mesh.etcd.view import PrefixView
from services.mesh.shards.handler import ShardHandler
from services.mesh.shards.records import ServiceKeys

T = TypeVar("T")


class Plans(Protocol):
    """Tells what the plan says at this moment."""

    def owner(self, shard: int) -> str | None:
        """The instance that should own the shard."""
        ...


@dataclass(frozen=True, slots=True)
class SeatSurroundings:
    """The world of a seat; bounds are those of `OwnershipLimits`."""

    client: EtcdClient
    session: Session
    view: PrefixView
    keys: ServiceKeys
    plans: Plans
    instance: str
    address: str
    handler: ShardHandler
    take_timeout_s: float
    give_timeout_s: float
    warm_wait_s: float
    takes_max: int
    refuse_s: float
    new_backoff: Callable[[], Backoff]
    changed: Callable[[], None]
    """Called after a shard was taken or is held no more."""

    async def surely(self, change: Callable[[], Awaitable[T]]) -> T:
        """Repeats a change that is harmless to repeat until its outcome is known; the session bounds it."""
        backoff = self.new_backoff()
        while True:
            try:
                return await change()
            except EtcdUnavailable:
                await self.client.clock.sleep(backoff.next_s())

"""Calls to the services behind the gateway: to any member, or to a shard's owner, inside the deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import grpc

from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.interceptors.deadline import remaining_s
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.mesh.shards.router import ShardRouter

ResultT = TypeVar("ResultT")
Call = Callable[[grpc.aio.Channel, float], Awaitable[ResultT]]
"""Makes a call on a channel within a time, seconds. May be made more than once: it must be idempotent."""


class Forwarding:
    """Finds who answers, and tries again where that moved. Errors arrive as they were raised."""

    def __init__(
        self,
        settings: MeshSettings,
        channels: ChannelFactory,
        directory: Directory,
        routers: Mapping[str, ShardRouter],
        clock: Clock,
    ) -> None:
        self._default_s = settings.deadline_default_ms / 1000
        self._shave_s = settings.deadline_shave_ms / 1000
        self._channels = channels
        self._directory = directory
        self._routers = routers
        self._clock = clock

    async def to_member(self, service: str, call: Call[ResultT]) -> ResultT:
        """Calls one instance of a service without shards."""

        async def attempt(address: str, timeout_s: float) -> ResultT:
            return await call(self._channels.channel(address), timeout_s)

        return await self._directory.call(service, attempt, self._left_s())

    async def member(self, service: str) -> grpc.aio.Channel:
        """The channel to one instance of a service without shards: for streams. Raises `NoMember`."""
        return self._channels.channel(await self._directory.address(service, self._default_s))

    async def to_owner_of(self, service: str, person_id: int, call: Call[ResultT]) -> ResultT:
        """Calls the owner of a person's shard."""
        router = self._routers[service]
        return await self._to_shard(router, shard_of(person_id, router.map.shard_count), call)

    async def to_home_of(self, service: str, campaign_id: str, call: Call[ResultT]) -> ResultT:
        """Calls the owner of a campaign's home shard."""
        router = self._routers[service]
        return await self._to_shard(router, shard_of_text(campaign_id, router.map.shard_count), call)

    async def _to_shard(self, router: ShardRouter, shard: int, call: Call[ResultT]) -> ResultT:
        async def attempt(address: str, timeout_s: float) -> ResultT:
            return await call(self._channels.channel(address), timeout_s)

        return await router.call(shard, attempt, self._left_s())

    def _left_s(self) -> float:
        left_s = remaining_s(self._clock)
        return self._default_s if left_s is None else max(0.0, left_s - self._shave_s)

"""How a service finds the others that it calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.etcd.connect import connect
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.routers import open_directory, open_routers


@dataclass(frozen=True, slots=True)
class Reach:
    """The ways to other services."""

    channels: ChannelFactory
    directory: Directory
    """Members of services without shards."""
    routers: Mapping[str, ShardRouter]
    """Owners of shards, by service."""


@asynccontextmanager
async def open_reach(
    settings: MeshSettings, clock: Clock, *, members: Sequence[str] = (), owners: Sequence[str] = ()
) -> AsyncIterator[Reach]:
    """Follows where services are until the block ends: `members` without shards, `owners` with shards.

    Raises `StartFailed` when etcd cannot be reached, or when there is none and an address is not fixed.
    """
    async with AsyncExitStack() as stack:
        channels = ChannelFactory(settings, settings.service, clock=clock)
        stack.push_async_callback(channels.close)
        etcd = connect(settings, clock)
        if etcd is not None:
            stack.push_async_callback(etcd.close)
        directory = await stack.enter_async_context(open_directory(settings, clock, etcd, members))
        routers = await stack.enter_async_context(open_routers(settings, clock, etcd, owners))
        yield Reach(channels, directory, routers)

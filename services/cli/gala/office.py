"""What an operator, and a merchant, ask of services without shards during an evening."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import grpc

from services.cli.operator import CALL_DEADLINE_S
from services.mesh.callgraph import OPERATOR, PARTNER
from services.mesh.channel import ChannelFactory
from services.mesh.clock import SystemClock
from services.mesh.etcd.client import EtcdClient
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.routers import open_directory

R = TypeVar("R")
Call = Callable[[grpc.aio.Channel, float], Awaitable[R]]
"""Calls over a channel, within so many seconds. It may be made more than once."""
_SERVICES = ("identity", "social")


class Office:
    """Use `open_office`."""

    def __init__(self, directory: Directory, channels: Mapping[str, ChannelFactory]) -> None:
        self._directory = directory
        self._channels = channels

    async def as_operator(self, service: str, call: Call[R]) -> R:
        """Has a call made by an operator."""
        return await self._ask(OPERATOR, service, call)

    async def as_partner(self, call: Call[R]) -> R:
        """Has a call made to identity by a merchant."""
        return await self._ask(PARTNER, "identity", call)

    async def _ask(self, caller: str, service: str, call: Call[R]) -> R:
        return await self._directory.call(
            service,
            lambda address, timeout_s: call(self._channels[caller].channel(address), timeout_s),
            CALL_DEADLINE_S,
        )


@asynccontextmanager
async def open_office(etcd_endpoint: str, settings: MeshSettings) -> AsyncIterator[Office]:
    """An office that finds the services of the mesh whose etcd is given."""
    async with AsyncExitStack() as stack:
        channels = {caller: ChannelFactory(settings, caller) for caller in (OPERATOR, PARTNER)}
        for factory in channels.values():
            stack.push_async_callback(factory.close)
        etcd = await stack.enter_async_context(EtcdClient([etcd_endpoint]))
        directory = await stack.enter_async_context(open_directory(settings, SystemClock(), etcd, _SERVICES))
        yield Office(directory, channels)

"""What the operator asks of services without shards: each call goes to one of their members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import grpc

from services.cli.console import run
from services.cli.operator import CALL_DEADLINE_S
from services.cli.options import running
from services.mesh.callgraph import OPERATOR
from services.mesh.channel import ChannelFactory
from services.mesh.clock import SystemClock
from services.mesh.etcd.client import EtcdClient
from services.mesh.settings import MeshSettings, load
from services.mesh.shards.routers import open_directory

T = TypeVar("T")
Call = Callable[[grpc.aio.Channel, float], Awaitable[T]]
"""Calls over a channel, within so many seconds. It may be made more than once."""


def ask_member(home: Path, service: str, call: Call[T]) -> T:
    """Has a call made, as the operator, to a member of a service of the mesh that runs in a folder.

    Blocks until the answer. Raises `Refusal` when no mesh runs there, and whatever the call raises.
    """
    mesh, settings = running(home), load(MeshSettings)

    async def connect_and_ask() -> T:
        channels, clock = ChannelFactory(settings, OPERATOR), SystemClock()
        try:
            async with (
                EtcdClient([mesh.etcd_endpoint]) as etcd,
                open_directory(settings, clock, etcd, (service,)) as directory,
            ):
                return await directory.call(
                    service,
                    lambda address, timeout_s: call(channels.channel(address), timeout_s),
                    CALL_DEADLINE_S,
                )
        finally:
            await channels.close()

    return run(connect_and_ask())

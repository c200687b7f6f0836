"""An echo service and a caller of it, over a real port or a local network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from services.mesh.admission import Admission
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock, SystemClock
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import Telemetry
from tests.unit.mesh.echo import Echo, EchoRequest, EchoStub, echo_service


@dataclass(frozen=True, slots=True)
class EchoMesh:
    echo: Echo
    server: MeshServer
    address: str
    channels: ChannelFactory
    stub: EchoStub
    network: LocalNetwork | None


@asynccontextmanager
async def echo_mesh(
    transport: str = "local",
    *,
    clock: Clock | None = None,
    is_allowed: Callable[[str, str], bool] = lambda _caller, _method: True,
    admission: Admission | None = None,
    **knobs: Any,
) -> AsyncIterator[EchoMesh]:
    clock = clock or SystemClock()
    network = LocalNetwork(clock) if transport == "local" else None
    settings = MeshSettings(**{"drain_s": 0.0, "stop_grace_s": 0.0, **knobs})
    echo, telemetry = Echo(), Telemetry(settings, "echo", ())
    server = MeshServer(
        settings,
        "echo",
        [echo_service(echo, admission)],
        telemetry=telemetry,
        clock=clock,
        network=network,
        is_allowed=is_allowed,
    )
    address = await server.start()
    channels = ChannelFactory(settings, "tester", network=network, clock=clock)
    try:
        yield EchoMesh(echo, server, address, channels, EchoStub(channels.channel(address)), network)
    finally:
        await channels.close()
        await server.drain_and_stop()
        telemetry.shutdown()


async def requests(*texts: str) -> AsyncIterator[Any]:
    for text in texts:
        yield EchoRequest(text=text)

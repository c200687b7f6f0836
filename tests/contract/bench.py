"""What a case is played on: a clock, a network in the process, and servers with the real interceptors."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from services.mesh.channel import ChannelFactory
from services.mesh.clock import ManualClock
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer, Service
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import Telemetry
from tests.contract.stub import StubServer, plain_settings, stub_server

SettingsT = TypeVar("SettingsT", bound=MeshSettings)
Action = Callable[..., Any | Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Provider:
    """The real service of a case."""

    address: str
    actions: Mapping[str, Action] = field(default_factory=dict)


_read_before: dict[tuple[type[MeshSettings], str], Any] = {}


def _read(kind: type[SettingsT], values: Mapping[str, Any]) -> SettingsT:
    """Settings with some values. Read once: reading the environment takes longer than most cases."""
    key = (kind, repr(sorted(values.items())))
    if key not in _read_before:
        _read_before[key] = kind(**{"drain_s": 0.0, "stop_grace_s": 0.0, **values})
    found: SettingsT = _read_before[key]
    return found


class Bench:
    """Makes what a provider needs and takes it down again. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.network = LocalNetwork(self.clock)
        self._numbers = itertools.count(1)
        self._stack = AsyncExitStack()

    def settings(self, kind: type[SettingsT], **values: Any) -> SettingsT:
        """Settings whose files are in the bench's folder and whose instance is named for this bench."""
        files = {"journal_url": f"sqlite:{self.folder}", "database_url": f"sqlite:{self.folder}"}
        name = f"{kind.service}-{next(self._numbers)}"
        return _read(kind, values).model_copy(update={"instance": name, **files})

    def channels(self, caller: str) -> ChannelFactory:
        """Channels on the bench's network, closed with the bench."""
        channels = ChannelFactory(plain_settings(caller), caller, network=self.network)
        self._stack.push_async_callback(channels.close)
        return channels

    async def serve(
        self, service: str, services: Sequence[Service], settings: MeshSettings | None = None
    ) -> str:
        """Serves contract services behind the real interceptors; returns the address."""
        settings = settings or plain_settings(f"{service}-{next(self._numbers)}")
        telemetry = Telemetry(settings, service, ())
        server = MeshServer(
            settings, service, services, telemetry=telemetry, clock=self.clock, network=self.network
        )
        address = await server.start()
        await server.set_ready(True)
        self._stack.callback(telemetry.shutdown)
        self._stack.callback(self.network.cut, address)
        return address

    async def stub(self, service: str) -> StubServer:
        """A stub of a collaborator, fed from that service's cases."""
        return await self._stack.enter_async_context(stub_server(service, self.network))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()

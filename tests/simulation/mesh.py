"""The whole mesh in one process: who runs, and what can be done to them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.mesh.background import start_background
from services.mesh.callgraph import OPERATOR, PLAYER
from services.mesh.channel import ChannelFactory
from services.mesh.journal.memory import MemoryStore
from services.mesh.settings import MeshSettings
from tests.simulation.chance import chance
from tests.simulation.gazette import Gazette
from tests.simulation.processes import COMMIT_S, SHARDS, Process, Surroundings, start
from tests.simulation.stewardship import Place, Steward
from tests.simulation.tables import close_tables
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.weather import UnreliableNetwork, Weather

INSTANCES = {"identity": 1, "social": 1, "settlement": 2, "cards": 2, "allocation": 2, "gateway": 1}
"""How many processes there are, in the order in which they start."""
REPLACED_S_MIN, REPLACED_S_MAX = 0.3, 4.0
"""How long it takes until a process that died is replaced."""


class SimulatedMesh:
    """Use `simulated_mesh`."""

    def __init__(self, seed: str, folder: Path) -> None:
        self.clock = VirtualClock()
        counts: dict[str, Any] = {f"{service}_shards": count for service, count in SHARDS.items()}
        self.settings = MeshSettings(instance="outside", **counts)
        self.weather = Weather(chance(seed, "weather"))
        self.network = UnreliableNetwork(self.clock, self.weather)
        self.gazette = Gazette(SHARDS, self.clock, chance(seed, "gazette"))
        self.disk = MemoryStore(self.settings, self.clock, latency_s=COMMIT_S)
        self.processes: list[Process] = []
        self.history: list[str] = []
        """What happened to the mesh, in words, for whoever has to find out why."""
        self.players = ChannelFactory(self.settings, PLAYER, network=self.network)
        self.operators = ChannelFactory(self.settings, OPERATOR, network=self.network)
        self.steward = Steward(
            [Place(service, shard) for service, count in SHARDS.items() for shard in range(count)],
            self.living,
            self.gazette,
            self.clock,
            chance(seed, "steward"),
        )
        self._draw = chance(seed, "processes")
        self._around = Surroundings(
            clock=self.clock,
            network=self.network,
            gazette=self.gazette,
            disk=self.disk,
            folder=folder,
            secrets=chance(seed, "secrets"),
            draw=chance(seed, "differences"),
        )
        self._numbers = {service: itertools.count(1) for service in INSTANCES}
        self._replacements: list[asyncio.Task[None]] = []

    def living(self, service: str) -> Sequence[Process]:
        """The processes of a service that run."""
        return [process for process in self.processes if process.service == service and process.is_alive]

    def note(self, what: str) -> None:
        """Keeps a line of history."""
        self.history.append(f"{self.clock.monotonic_s():9.3f} s  {what}")

    async def start(self) -> None:
        """Starts everything; shards are given out before the gateway starts, which waits to hear of all."""
        for service, count in INSTANCES.items():
            if service == "gateway":
                await self.steward.give_out()
            for _ in range(count):
                await self._start(service)

    async def crash(self, process: Process, *, in_flight_survives: bool) -> None:
        """Ends a process as SIGKILL does: nothing is flushed, nobody is told. Another one follows later."""
        self.note(
            f"{process.instance} dies, what it was writing {'survives' if in_flight_survives else 'is lost'}"
        )
        process.is_alive = False
        process.store.crash(in_flight_survives=in_flight_survives)
        self.network.cut(process.address)
        self.gazette.unsubscribe(process.copy)
        await self.steward.bury(process)
        if process.end is not None:
            await process.end()
        await process.channels.close()
        self._replacements.append(
            start_background(self._replace(process.service), f"replace {process.instance}")
        )

    async def stop(self) -> None:
        """Ends everything."""
        for replacement in self._replacements:
            replacement.cancel()
        for process in reversed(self.processes):
            if process.is_alive:
                process.is_alive = False
                await self.steward.bury(process)
                if process.end is not None:
                    await process.end()
                self.network.cut(process.address)
                await process.channels.close()
        await self.players.close()
        await self.operators.close()
        for database in self._around.databases.values():
            close_tables(database)

    async def whole(self) -> None:
        """Returns when everyone runs and every shard is served."""
        while not (
            all(len(self.living(service)) == count for service, count in INSTANCES.items())
            and all(place.is_served for place in self.steward.places)
        ):
            await self.clock.sleep(0.1)

    async def _replace(self, service: str) -> None:
        await self.clock.sleep(self._draw.uniform(REPLACED_S_MIN, REPLACED_S_MAX))
        await self._start(service)

    async def _start(self, service: str) -> None:
        # Members without shards come back where they were, as behind the name of a Kubernetes service.
        number = 1 if service not in SHARDS else next(self._numbers[service])
        process = await start(service, f"{service}-{number}", self._around)
        self.processes = [other for other in self.processes if other.is_alive]
        self.processes.append(process)
        self.note(f"{process.instance} runs")


@asynccontextmanager
async def simulated_mesh(seed: str, folder: Path) -> AsyncIterator[SimulatedMesh]:
    """A mesh that runs, in calm weather, with nobody yet to replace lost owners."""
    mesh = SimulatedMesh(seed, folder)
    try:
        await mesh.start()
        yield mesh
    finally:
        await mesh.stop()

"""The six services as processes: each wired by its own composition root, none of them with a socket."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from services.allocation.__main__ import wire as wire_allocation
from services.allocation.settings import AllocationSettings
from services.cards.__main__ import wire as wire_cards
from services.cards.settings import CardsSettings
from services.gateway.__main__ import wire as wire_gateway
from services.gateway.settings import GatewaySettings
from services.identity.__main__ import wire as wire_identity
from services.identity.adapters.tables import schema as identity_schema
from services.identity.settings import IdentitySettings
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.journal.memory import MemoryStore
from services.mesh.reach import Reach
from services.mesh.room import Room, at_work, services_of
from services.mesh.server import MeshServer, Service
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.host import ShardHost
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import Telemetry
from services.settlement.__main__ import wire as wire_settlement
from services.settlement.settings import SettlementSettings
from services.social.__main__ import wire as wire_social
from services.social.adapters.chat.foundation import ChatDatabaseSettings
from services.social.adapters.chat.tables import schema as chat_schema
from services.social.adapters.tables import schema as social_schema
from services.social.settings import SocialSettings
from tests.simulation.chat import chat_on
from tests.simulation.gazette import Copy, Gazette
from tests.simulation.tables import open_tables
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.weather import UnreliableNetwork

SettingsT = TypeVar("SettingsT", bound=MeshSettings)

SHARDS = {"allocation": 4, "cards": 4, "settlement": 2}
COMMIT_S = 0.004
"""How long a journal takes to write, seconds: long enough for much to happen meanwhile."""
SKEW_MS_MAX = 100
"""How wrong the clock of a process is at most, milliseconds."""
_KNOBS: dict[str, Any] = {
    **{f"{service}_shards": count for service, count in SHARDS.items()},
    "drain_s": 0.0,
    "stop_grace_s": 0.0,
    # Small bounds, so that a short evening meets snapshots, pages, and the ends of what is kept in memory.
    "snapshot_every_records": 12,
    "replay_batch_records": 5,
    "feed_batch_records": 4,
    "shard_tail_records_max": 6,
    "backoff_ms_max": 500,
    # Threads would let chance have a say.
    "shard_threads": 0,
}
_BEACONS: dict[str, Any] = {"beacon_notice_ms": 1_000}
_LEFTOVERS: dict[str, Any] = {
    # Many small moves rather than a few large ones.
    "leftover_reserve_ms": 600,
    "leftover_tick_ms": 150,
    "leftover_pause_ms_max": 600,
    "leftover_packets_min": 1,
    "leftover_packets_max": 2,
    "leftover_peers_max": 2,
}
_ENVELOPES: dict[str, Any] = {
    # Short enough that envelopes and asks end within the evening.
    "envelope_expiry_ms": 9_000,
    "envelope_funding_ms": 6_000,
    "reissue_funds_wait_ms": 3_000,
    "ask_expiry_ms": 7_000,
}
WAITING_MS = 20_000
"""Short enough that winnings go back within the evening."""
_WAITING: dict[str, Any] = {
    "waiting_ms": WAITING_MS,
    "waiting_grace_ms": 0,
    "waiting_look_ms": 200,
    "waiting_batch": 2,
}
IDENTITY_KEY = "5eed" * 16


@dataclass(eq=False, slots=True)
class Process:
    """One process of the mesh."""

    service: str
    instance: str
    address: str
    host: ShardHost[Any] | None
    """What holds its shards; None for services without any."""
    store: MemoryStore
    """Its own handles on the common disk."""
    channels: ChannelFactory
    copy: Copy
    end: Callable[[], Awaitable[None]] | None = None
    is_alive: bool = True

    def holds(self, shard: int) -> bool:
        """Whether it serves the shard right now, rightly or not."""
        assert self.host is not None
        return self.is_alive and any(held.number == shard for held in self.host.shards())

    async def lose(self, shard: int) -> None:
        """Makes it let go of a shard at once."""
        assert self.host is not None
        await self.host.lose(shard)


@dataclass(slots=True)
class Surroundings:
    """What all processes share: the network, the disk, the time, and chance."""

    clock: Clock
    network: UnreliableNetwork
    gazette: Gazette
    disk: MemoryStore
    folder: Path
    secrets: random.Random
    """Where seeds and numbers come from that nobody could predict otherwise."""
    draw: random.Random
    """Where the differences between processes come from."""
    databases: dict[str, Any] = field(default_factory=dict)


async def start(service: str, instance: str, around: Surroundings) -> Process:
    """Starts a process, as the service's own `__main__` does; it holds no shard yet."""
    starting = _Start(service, instance, around)
    return await _STARTS[service](starting)


@dataclass(slots=True)
class _Start:
    service: str
    instance: str
    around: Surroundings
    copy: Copy = field(init=False)
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.copy = self.around.gazette.subscribe()
        self.clock = VirtualClock(self.around.draw.randint(-SKEW_MS_MAX, SKEW_MS_MAX))

    async def allocation(self) -> Process:
        settings = self._settings(AllocationSettings, **_ENVELOPES, **_LEFTOVERS, **_BEACONS)
        store = self.around.disk.shared()
        channels = self._channels(settings)
        telemetry = Telemetry(settings, self.service, ())
        secrets = self.around.secrets
        wired = wire_allocation(
            settings,
            store,
            channels,
            self._routers(settings),
            self._directory(),
            telemetry,
            self.clock,
            lambda: secrets.randbytes(32),
        )
        return await self._serve(settings, wired.services, wired.host, store, channels)

    async def cards(self) -> Process:
        settings = self._settings(CardsSettings, exchange_lifetime_ms=12_000, expiry_poll_ms=500)
        store = self.around.disk.shared()
        channels = self._channels(settings)
        secrets = self.around.secrets
        wired = wire_cards(
            settings,
            store,
            channels,
            self._routers(settings),
            self._directory(),
            self.clock,
            lambda: secrets.randbytes(32),
        )
        return await self._serve(settings, wired.services, wired.host, store, channels)

    async def settlement(self) -> Process:
        settings = self._settings(
            SettlementSettings, payout_batch_persons=2, funds_wait_ms=300, statement_threads=0, **_WAITING
        )
        store, channels = self.around.disk.shared(), self._channels(settings)
        routers, directory = self._routers(settings), self._directory()
        wired = wire_settlement(settings, store, channels, routers, self.clock, directory=directory)
        return await self._serve(settings, wired.services, wired.host, store, channels)

    async def identity(self) -> Process:
        settings = self._settings(
            IdentitySettings, identity_key=IDENTITY_KEY, identity_registry_latency_ms=20
        )
        database = self._tables(settings, identity_schema)
        channels = self._channels(settings)
        reach = Reach(channels, self._directory(), self._routers(settings))
        draw_bits = self.around.secrets.getrandbits
        return await self._open(
            settings, wire_identity(settings, database, self.clock, draw_bits, reach), channels
        )

    async def social(self) -> Process:
        settings = self._settings(SocialSettings)
        channels = self._channels(settings)
        reach = Reach(channels, self._directory(), self._routers(settings))
        database = self._tables(settings, social_schema)
        chat_tables = self._tables(self._settings(ChatDatabaseSettings), chat_schema)
        chat = chat_on(chat_tables, settings, self.clock)
        rooms = wire_social(settings, database, self.clock, reach, chat)
        return await self._open(settings, rooms, channels)

    async def gateway(self) -> Process:
        settings = self._settings(GatewaySettings)
        channels = self._channels(settings)
        telemetry = Telemetry(settings, self.service, ())
        gateway = wire_gateway(
            settings, channels, self._directory(), self._routers(settings), telemetry, self.clock
        )
        process = await self._serve(settings, gateway.services, channels=channels)
        process.end = gateway.close
        await gateway.start()
        return process

    async def _open(self, settings: MeshSettings, rooms: Sequence[Room], channels: ChannelFactory) -> Process:
        process = await self._serve(settings, services_of(rooms), channels=channels)
        work = AsyncExitStack()
        await work.enter_async_context(at_work(rooms))
        process.end = work.aclose
        return process

    def _settings(self, kind: type[SettingsT], **values: Any) -> SettingsT:
        url = f"sqlite:{self.around.folder}"
        return kind(**{"instance": self.instance, "database_url": url, **_KNOBS, **values})

    def _channels(self, settings: MeshSettings) -> ChannelFactory:
        return ChannelFactory(settings, self.service, network=self.around.network)

    def _routers(self, settings: MeshSettings) -> dict[str, ShardRouter]:
        return {
            service: ShardRouter(
                shard_map,
                clock=self.clock,
                backoff_ms_min=settings.backoff_ms_min,
                backoff_ms_max=settings.backoff_ms_max,
            )
            for service, shard_map in self.copy.maps.items()
        }

    def _directory(self) -> Directory:
        fixed = {service: [f"local/{service}-1"] for service in ("identity", "social")}
        return Directory(fixed=fixed, clock=self.clock)

    def _tables(self, settings: Any, schema: sa.MetaData) -> Any:
        databases = self.around.databases
        if settings.service not in databases:
            databases[settings.service] = open_tables(settings, schema)
        return databases[settings.service]

    async def _serve(
        self,
        settings: MeshSettings,
        services: Sequence[Service],
        host: ShardHost[Any] | None = None,
        store: MemoryStore | None = None,
        channels: ChannelFactory | None = None,
    ) -> Process:
        server = MeshServer(
            settings,
            self.service,
            services,
            telemetry=Telemetry(settings, self.service, ()),
            clock=self.clock,
            network=self.around.network,
        )
        address = await server.start()
        if host is not None:
            host.owner_address = self._owner_address
        return Process(
            self.service,
            self.instance,
            address,
            host,
            store or self.around.disk.shared(),
            channels or self._channels(settings),
            self.copy,
        )

    def _owner_address(self, shard: int) -> str | None:
        owner = self.copy.maps[self.service].owner(shard)
        return None if owner is None else owner.address


_STARTS: dict[str, Callable[[_Start], Awaitable[Process]]] = {
    "allocation": _Start.allocation,
    "cards": _Start.cards,
    "settlement": _Start.settlement,
    "identity": _Start.identity,
    "social": _Start.social,
    "gateway": _Start.gateway,
}

"""Starts the allocation service: `python -m services.allocation`."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hongbao.allocation.v1 import events_pb2
from hongbao.allocation.v1.allocation_pb2_grpc import (
    add_AllocationServiceServicer_to_server,
    add_ClaimServiceServicer_to_server,
    add_StockServiceServicer_to_server,
)
from hongbao.allocation.v1.envelope_pb2_grpc import add_EnvelopeServiceServicer_to_server
from services.allocation.adapters.envelope_funds import SettlementWallets
from services.allocation.adapters.home_rounds import HomeRounds
from services.allocation.adapters.peers import ShardPeers
from services.allocation.adapters.settlement import SettlementHolds
from services.allocation.adapters.shares import EnvelopeShares
from services.allocation.adapters.social import SocialRelations
from services.allocation.api.campaigns import CampaignServicer
from services.allocation.api.claims import ClaimServicer
from services.allocation.api.envelope_orders import OrderDesk
from services.allocation.api.envelopes import EnvelopeServicer
from services.allocation.api.held import AllocationHost
from services.allocation.api.stocks import StockServicer
from services.allocation.domain.figures import ClaimFigures
from services.allocation.domain.state import AllocationState
from services.allocation.domain.values import SEED_BYTES
from services.allocation.metrics import shown_allocation
from services.allocation.settings import AllocationSettings
from services.allocation.tasks.drawing import DrawRoom
from services.allocation.tasks.shard_tasks import ShardTasks
from services.allocation.tasks.stock_opener import StockOpener
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock, SystemClock
from services.mesh.etcd.connect import connect
from services.mesh.journal.port import JournalStore
from services.mesh.journal.store import store_from_url
from services.mesh.logs import start_logging
from services.mesh.owner import serve_as_owner
from services.mesh.server import MeshServer, Service, run
from services.mesh.settings import load
from services.mesh.shards.directory import Directory
from services.mesh.shards.host import ShardHost
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.routers import open_directory, open_routers
from services.mesh.telemetry import Telemetry, start_telemetry

_PACKAGE = "hongbao.allocation.v1"


@dataclass(frozen=True, slots=True)
class Allocation:
    """What is wired: what it serves, and the shards that it can hold."""

    services: tuple[Service, ...]
    host: AllocationHost
    figures: ClaimFigures


def new_seed() -> bytes:
    """A seed that nobody can predict, from the system's own randomness."""
    return secrets.token_bytes(SEED_BYTES)


def wire(
    settings: AllocationSettings,
    store: JournalStore,
    channels: ChannelFactory,
    routers: Mapping[str, ShardRouter],
    directory: Directory,
    telemetry: Telemetry,
    clock: Clock,
    draw_seed: Callable[[], bytes] = new_seed,
) -> Allocation:
    """Allocation on its journals and channels.

    `routers` are those of allocation itself and settlement; `directory` knows social.
    """
    tasks = ShardTasks(
        SettlementHolds(routers["settlement"], channels, settings.peer_call_ms, clock),
        SettlementWallets(routers["settlement"], channels, settings.peer_call_ms),
        ShardPeers(routers["allocation"], channels, settings.peer_call_ms, settings.leftover_look_ms),
        clock,
        settings,
    )
    shard_count = settings.allocation_shards
    host: AllocationHost = ShardHost(
        store,
        "allocation",
        shard_count,
        events_pb2.AllocationEvent,
        lambda shard: AllocationState(shard, shard_count),
        clock,
        settings,
        on_owned=tasks.owned,
        on_lost=tasks.lost,
    )
    campaigns = CampaignServicer(host, tasks, clock, settings, draw_seed)
    rounds = HomeRounds(routers["allocation"], channels, settings)
    claims = ClaimServicer(host, tasks.changed, rounds, telemetry, clock, settings)
    room = DrawRoom(settings.draw_threads, settings.draw_inline_packets_max)
    stocks = StockServicer(host, tasks, StockOpener(tasks, room, settings), clock, settings)
    relations = SocialRelations.by(settings, directory, channels, clock)
    shares = EnvelopeShares(routers["allocation"], channels, settings.envelope_call_ms)
    desk = OrderDesk(tasks, relations, shares, clock, settings, draw_seed)
    envelopes = EnvelopeServicer(host, desk, relations, clock, settings)
    admission = settings.envelope_admission(clock.monotonic_s)
    services = (
        Service(f"{_PACKAGE}.AllocationService", campaigns, add_AllocationServiceServicer_to_server),
        Service(f"{_PACKAGE}.ClaimService", claims, add_ClaimServiceServicer_to_server),
        Service(f"{_PACKAGE}.StockService", stocks, add_StockServiceServicer_to_server),
        Service(f"{_PACKAGE}.EnvelopeService", envelopes, add_EnvelopeServiceServicer_to_server, admission),
    )
    return Allocation(services, host, claims.figures)


async def main() -> None:
    """Runs until a signal, then hands its shards over, drains and stops."""
    settings, clock = load(AllocationSettings), SystemClock()
    start_logging(settings, "allocation")
    async with contextlib.AsyncExitStack() as stack:
        telemetry = start_telemetry(settings, "allocation")
        stack.callback(telemetry.shutdown)
        store = store_from_url(settings.journal_url, settings)
        stack.push_async_callback(store.close)
        channels = ChannelFactory(settings, "allocation", clock=clock)
        stack.push_async_callback(channels.close)
        etcd = connect(settings, clock)
        if etcd is not None:
            stack.push_async_callback(etcd.close)
        routers = await stack.enter_async_context(
            open_routers(settings, clock, etcd, ("allocation", "settlement"))
        )
        directory = await stack.enter_async_context(open_directory(settings, clock, etcd, ("social",)))
        wired = wire(settings, store, channels, routers, directory, telemetry, clock)
        stack.enter_context(shown_allocation(wired.host, wired.figures))
        server = MeshServer(settings, "allocation", wired.services, telemetry=telemetry, clock=clock)
        await serve_as_owner(server, wired.host, settings, clock, etcd, routers["allocation"].map)


if __name__ == "__main__":
    run(main)

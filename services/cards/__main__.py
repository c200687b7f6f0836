"""Starts the cards service: `python -m services.cards`."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.cards.adapters.clients import CardsPeers, SettlementFunds, SocialFriendships
from services.cards.adapters.completion_desk import CompletionDesk
from services.cards.adapters.figures_board import FiguresBoard
from services.cards.adapters.flow_board import FlowBoard
from services.cards.adapters.flow_peers import CardsFlowPeers
from services.cards.adapters.flow_reading import ShardFlowReading
from services.cards.adapters.givers import CardsGivers
from services.cards.adapters.hosting import BackgroundWork, host_cards
from services.cards.adapters.people import IdentityPeople
from services.cards.adapters.state import CardsState, HostedShards
from services.cards.adapters.supply import SupplyKeepers
from services.cards.domain.exchanges.desk import ExchangeDesk
from services.cards.domain.exchanges.limits import UnderWay
from services.cards.domain.lifecycle import GameLifecycle
from services.cards.domain.supply.draw import SEED_BYTES
from services.cards.serving import Desks, served
from services.cards.settings import CardsSettings
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
from services.mesh.telemetry import start_telemetry


@dataclass(frozen=True, slots=True)
class Cards:
    """What is wired: what it serves, and the shards that it can hold."""

    services: tuple[Service, ...]
    host: ShardHost[CardsState]


def random_seed() -> bytes:
    """A seed that nobody can predict, from the system's own randomness."""
    return secrets.token_bytes(SEED_BYTES)


def wire(
    settings: CardsSettings,
    store: JournalStore,
    channels: ChannelFactory,
    routers: Mapping[str, ShardRouter],
    directory: Directory,
    clock: Clock,
    new_seed: Callable[[], bytes] = random_seed,
) -> Cards:
    """Cards on its journals and channels. `routers` are those of cards itself and settlement."""
    deadline_s = settings.deadline_default_ms / 1000
    friendships = SocialFriendships(directory, channels, deadline_s)
    peers = CardsPeers(routers["cards"], channels, deadline_s)
    lifecycle = GameLifecycle(
        SettlementFunds(routers["settlement"], channels, deadline_s, clock),
        peers,
        shard_count=settings.cards_shards,
        now_ms=clock.now_ms,
        new_seed=new_seed,
        one_at_a_time=asyncio.Lock(),
    )
    supplies = SupplyKeepers()
    people = None
    if settings.people_known == "identity":
        people = IdentityPeople(directory, channels, deadline_s, settings.cards_shards)
    host = host_cards(store, BackgroundWork(lifecycle, friendships, peers, supplies, clock, settings, people))
    shards = HostedShards(host, settings.snapshot_every_cards)
    exchanges = ExchangeDesk(
        friendships,
        CardsGivers(routers["cards"], channels, deadline_s, clock),
        settings.cards_shards,
        clock.now_ms,
        settings.exchange_lifetime_ms,
        settings.exchange_limits,
        UnderWay(settings.exchanges_under_way_max),
    )
    flow_peers = CardsFlowPeers(routers["cards"], channels, settings.flow_deadline_ms / 1000)
    desks = Desks(
        lifecycle,
        supplies,
        exchanges,
        CompletionDesk(settings.cards_shards, clock.now_ms),
        FiguresBoard(peers, clock, settings.figures_max_age_ms),
        ShardFlowReading(clock, settings),
        FlowBoard(flow_peers, clock, settings),
    )
    return Cards(served(shards, host, desks, clock, settings), host)


async def main() -> None:
    """Runs until a signal, then hands its shards over, drains and stops."""
    settings, clock = load(CardsSettings), SystemClock()
    start_logging(settings, "cards")
    async with contextlib.AsyncExitStack() as stack:
        telemetry = start_telemetry(settings, "cards")
        stack.callback(telemetry.shutdown)
        store = store_from_url(settings.journal_url, settings)
        stack.push_async_callback(store.close)
        channels = ChannelFactory(settings, "cards", clock=clock)
        stack.push_async_callback(channels.close)
        etcd = connect(settings, clock)
        if etcd is not None:
            stack.push_async_callback(etcd.close)
        of_people = ("identity",) if settings.people_known == "identity" else ()
        directory = await stack.enter_async_context(
            open_directory(settings, clock, etcd, ("social", *of_people))
        )
        routers = await stack.enter_async_context(
            open_routers(settings, clock, etcd, ("cards", "settlement"))
        )
        wired = wire(settings, store, channels, routers, directory, clock)
        server = MeshServer(settings, "cards", wired.services, telemetry=telemetry, clock=clock)
        await serve_as_owner(server, wired.host, settings, clock, etcd, routers["cards"].map)


if __name__ == "__main__":
    run(main)

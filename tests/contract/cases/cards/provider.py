"""The real cards service, owning both of its two shards, beside others that do as told.

Persons 2, 4, 5 and 6 are of shard 0; persons 1, 3, 7 and 11 of shard 1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hongbao.cards.v1 import figures_pb2, figures_pb2_grpc
from services.cards.__main__ import wire
from services.cards.settings import CardsSettings
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.directory import Directory
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from tests.contract.bench import Bench, Provider
from tests.integration.cards_mesh import FakeSettlement, FakeSocial
from tests.integration.known_people import KnownPeople

SHARDS = 2
WATCHERS_MAX = 2
DECK_CARDS = 5
"""Of equally plentiful kinds: one of each in the first deck of a shard."""


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        CardsSettings,
        cards_shards=SHARDS,
        settlement_shards=1,
        figures_watchers_max=WATCHERS_MAX,
        deck_cards_min=DECK_CARDS,
        # Cases that let hours pass would be busy with keepers who look around for nothing.
        feed_poll_ms=60_000,
        keeper_poll_ms=60_000,
        expiry_poll_ms=60_000,
        supply_poll_ms=10_000,
        supply_report_ms=60_000,
        merged_people_look_ms=600_000,
    )
    people = KnownPeople(bench.clock)
    social = FakeSocial(bench.clock)  # type: ignore[abstract]  # the rest is not called
    settlement = FakeSettlement(available_fen=1_000_000)  # type: ignore[abstract]  # as above
    social_address = await bench.serve("social", [social.service()])
    settlement_address = await bench.serve("settlement", [settlement.service()])
    identity_address = await bench.serve("identity", [people.service(settings)])
    owners = StaticShardMap("cards", SHARDS)
    holds = StaticShardMap.with_one_owner("settlement", 1, settlement_address)
    cards = wire(
        settings,
        MemoryStore(settings, bench.clock),
        bench.channels("cards"),
        {
            "cards": ShardRouter(owners, clock=bench.clock),
            "settlement": ShardRouter(holds, clock=bench.clock),
        },
        Directory(fixed={"social": [social_address], "identity": [identity_address]}, clock=bench.clock),
        bench.clock,
    )
    address = await bench.serve("cards", cards.services, settings)
    for shard in range(SHARDS):
        await cards.host.take(shard, epoch=1)
        owners.assign(shard, ShardOwner(settings.instance, address, epoch=1))
    screens = Screens(bench.channels("operator").channel(address))
    actions: dict[str, Any] = {
        "befriend": social.befriend,
        "part": social.part,
        "merge": people.merge,
        "fill_watchers": screens.fill,
    }
    try:
        yield Provider(address, actions=actions)
    finally:
        screens.leave()
        await cards.host.close()


class Screens:
    """Whoever else watches the figures of the case's game."""

    def __init__(self, channel: Any) -> None:
        self._stub = figures_pb2_grpc.FiguresServiceStub(channel)
        self._held: list[Any] = []

    async def fill(self) -> None:
        for _ in range(WATCHERS_MAX):
            screen = self._stub.WatchFigures(figures_pb2.WatchFiguresRequest(campaign_id="spring-2016"))
            # The answer shows that it is being served.
            await screen.read()
            self._held.append(screen)

    def leave(self) -> None:
        for screen in self._held:
            screen.cancel()

"""The real cards service, owning both of its two shards, beside a settlement and a social that do as told.

Persons 2, 4, 5 and 6 are of shard 0; persons 1, 3, 7 and 11 of shard 1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.cards.__main__ import wire
from services.cards.settings import CardsSettings
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.directory import Directory
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from tests.contract.bench import Bench, Provider
from tests.integration.cards_mesh import FakeSettlement, FakeSocial

SHARDS = 2


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        CardsSettings, cards_shards=SHARDS, settlement_shards=1, people_known="everybody"
    )
    social = FakeSocial(bench.clock)  # type: ignore[abstract]  # the rest is not called
    settlement = FakeSettlement(available_fen=1_000_000)  # type: ignore[abstract]  # as above
    social_address = await bench.serve("social", [social.service()])
    settlement_address = await bench.serve("settlement", [settlement.service()])
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
        Directory(fixed={"social": [social_address]}, clock=bench.clock),
        bench.clock,
    )
    address = await bench.serve("cards", cards.services, settings)
    for shard in range(SHARDS):
        await cards.host.take(shard, epoch=1)
        owners.assign(shard, ShardOwner(settings.instance, address, epoch=1))
    try:
        yield Provider(address, actions={"befriend": social.befriend})
    finally:
        await cards.host.close()

"""The real settlement service with both of its shards, and feeds of allocation and cards as they are told.

Sponsor 7 is of shard 1, sponsor 2 of shard 0; persons 2 and 4 are of shard 0, persons 1 and 3 of shard 1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from hongbao.allocation.v1 import events_pb2 as allocation
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.settlement.__main__ import wire
from services.settlement.adapters.statements.store import StatementStore
from services.settlement.settings import SettlementSettings
from tests.contract.bench import Bench, Provider
from tests.integration.settlement_mesh import ToyFeeds, toy_services

SHARDS = 2


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        SettlementSettings, allocation_shards=SHARDS, cards_shards=SHARDS, settlement_shards=SHARDS
    )
    feeds = ToyFeeds(bench.clock)
    producers = await bench.serve("producers", toy_services(feeds, ToyFeeds(bench.clock)))
    owners = StaticShardMap("settlement", SHARDS)
    routers = {
        service: ShardRouter(StaticShardMap.with_one_owner(service, SHARDS, producers), clock=bench.clock)
        for service in ("allocation", "cards")
    }
    routers["settlement"] = ShardRouter(owners, clock=bench.clock)
    store = MemoryStore(settings, bench.clock)
    statements = StatementStore("memory", settings)
    settlement = wire(settings, store, bench.channels("settlement"), routers, bench.clock, statements)
    address = await bench.serve("settlement", settlement.services, settings)
    for shard in range(SHARDS):
        await settlement.host.take(shard, epoch=1)
        owners.assign(shard, ShardOwner(settings.instance, address, epoch=1))

    def packets_won(stock_id: str, shard: int, person_ids: Sequence[int], amounts_fen: Sequence[int]) -> None:
        won = allocation.PacketsWon(
            stock_id=stock_id,
            campaign_id=stock_id.partition(".")[0],
            person_ids=person_ids,
            amounts_fen=amounts_fen,
        )
        feeds.add(shard, allocation.AllocationEvent(packets_won=won))

    async def give_shard(shard: int) -> None:
        await settlement.host.give(shard)

    try:
        yield Provider(
            address,
            actions={
                "packets_won": packets_won,
                "give_shard": give_shard,
                "end_statements": statements.close,
            },
        )
    finally:
        await settlement.host.close()

"""The real settlement service with both of its shards, and feeds of allocation and cards as they are told.

Sponsor 7 is of shard 1, sponsor 2 of shard 0; persons 2 and 4 are of shard 0, persons 1 and 3 of shard 1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import person_events_pb2 as person_events
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.settlement.__main__ import wire
from services.settlement.adapters.rail.faults import Fate, Journey
from services.settlement.adapters.rail.memory import VolatileMemory
from services.settlement.adapters.rail.simulated import SimulatedBank
from services.settlement.adapters.statements.store import StatementStore
from services.settlement.domain.withdrawals.rail import PaymentOrder
from services.settlement.domain.withdrawals.values import WithdrawalFailure, WithdrawalId
from services.settlement.settings import SettlementSettings
from tests.contract.bench import Bench, Provider
from tests.integration.settlement_mesh import ToyFeeds, toy_services

SHARDS = 2


class OneFate:
    """Faults of a bank that does the same with every order, and reports nothing by itself."""

    def __init__(self) -> None:
        self.fates = Fate(reports_after_ms=())

    def journey(self, order: PaymentOrder) -> Journey:  # noqa: ARG002 - all go the same way
        return Journey()

    def fate(self, order: PaymentOrder) -> Fate:  # noqa: ARG002 - all go the same way
        return self.fates

    def loses_query(self, withdrawal_id: WithdrawalId) -> bool:  # noqa: ARG002 - it always answers
        return False


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        SettlementSettings,
        allocation_shards=SHARDS,
        cards_shards=SHARDS,
        settlement_shards=SHARDS,
        people_known="everybody",
        transfers_remembered_max=6,
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
    bank = OneFate()
    simulated = SimulatedBank(VolatileMemory(), bank, bench.clock, timeout_ms=5_000)
    statements = StatementStore("memory", settings)
    settlement = wire(
        settings, store, bench.channels("settlement"), routers, bench.clock, statements, bank=simulated
    )
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

    def check_people() -> None:
        """From now on people count only as what is known of them."""
        for shard in range(SHARDS):
            settlement.host.owned(shard).state.people.everybody = False

    def know_person(person_id: int, tier: int, card_id: int = 0) -> None:
        shard = settlement.host.owned(shard_of(person_id, SHARDS))
        known = events.SettlementEvent()
        known.person.known.person_id = person_id
        known.person.known.tier = person_events.PersonTier.ValueType(tier)
        shard.commit(known)
        if card_id:
            bound = events.SettlementEvent()
            bound.person.card_bound.person_id = person_id
            bound.person.card_bound.card_id = card_id
            bound.person.card_bound.card_masked = "****1234"
            bound.person.card_bound.bank_name = "工商银行"
            shard.commit(bound)

    def bank_refuses(failure: str) -> None:
        bank.fates = Fate(failure=WithdrawalFailure[failure])

    def bank_takes_its_time() -> None:
        bank.fates = Fate(decides_after_ms=3_600_000)

    async def give_shard(shard: int) -> None:
        await settlement.host.give(shard)

    try:
        yield Provider(
            address,
            actions={
                "packets_won": packets_won,
                "check_people": check_people,
                "know_person": know_person,
                "bank_refuses": bank_refuses,
                "bank_takes_its_time": bank_takes_its_time,
                "give_shard": give_shard,
                "end_statements": statements.close,
            },
        )
    finally:
        await settlement.host.close()

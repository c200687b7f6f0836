"""The real allocation service, owning both of its two shards, beside a settlement that does as told.

Persons 2, 4, 5 and 6 are of shard 0; persons 1, 3, 7 and 11 of shard 1. Every round has the same seed, the
bytes from 0 to 31. The limits are low: 2 campaigns and 3 stocks a shard, 1000 packets a round, 8 claims a
batch, 2 batches in flight a stream, 2 streams and 2 watchers. Shards do not ask each other for packets, but
give what they are asked for. A beacon's value is accepted 5 s after its announcement.

Everybody has 500 yuan in their wallet, but person 11 has 50 fen; nobody is verified behind person 12, and 60
fen may leave the wallet of person 13. Persons 1 to 4 are friends of each other; 1, 2 and 3 are in group 9. An
envelope has at most 10 shares, a note 20 characters; a person has 2 open envelopes and 2 open asks, one of
them by the same person; a shard keeps 4 envelopes and 3 asks; a packet is sent on once. Envelopes and asks
last a minute, and a packet can be sent on for two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from hongbao.settlement.v1 import settlement_pb2_grpc
from services.allocation.__main__ import wire
from services.allocation.api.held import AllocationHost
from services.allocation.domain.transfer_records import packets_requested
from services.allocation.settings import AllocationSettings
from services.mesh.journal.memory import MemoryStore
from services.mesh.server import Service
from services.mesh.shards.directory import Directory
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import Telemetry
from tests.contract.bench import Bench, Provider
from tests.integration.envelope_parties import ToyBank, ToySocial

SHARDS = 2
STOCK = "spring-2016.round-1"
SEED = bytes(range(32))
LIMITS = {
    "campaigns_per_shard_max": 2,
    "stocks_per_shard_max": 3,
    "round_packets_max": 1_000,
    "batch_claims_max": 8,
    "stream_batches_max": 2,
    "claim_streams_max": 2,
    "watch_streams_max": 2,
    "round_wait_ms": 200,
    "beacon_notice_ms": 5_000,
    "leftover_moves": False,
    "envelope_wait_ms": 200,
    "envelope_expiry_ms": 60_000,
    "ask_expiry_ms": 60_000,
    "reissue_ms": 120_000,
    "envelope_shares_max": 10,
    "envelope_note_characters_max": 20,
    "envelope_depth_max": 1,
    "envelopes_open_per_person_max": 2,
    "envelopes_per_shard_max": 4,
    "asks_open_per_person_max": 2,
    "asks_open_per_pair_max": 1,
    "asks_per_shard_max": 3,
}


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(AllocationSettings, allocation_shards=SHARDS, settlement_shards=1, **LIMITS)
    settlement = ToyBank(available_fen=100_000)  # type: ignore[abstract]  # the rest is not called
    settlement.wallets_fen[11] = 50
    settlement.unverified.add(12)
    settlement.limits_fen[13] = 60
    social = ToySocial()  # type: ignore[abstract]  # as above
    social.befriend(1, 2, 3, 4)
    social.groups[9] = {1, 2, 3}
    social_address = await bench.serve("social", social.services())
    settlement_address = await bench.serve(
        "settlement",
        [
            Service(
                "hongbao.settlement.v1.SettlementService",
                settlement,
                settlement_pb2_grpc.add_SettlementServiceServicer_to_server,
            )
        ],
    )
    store = MemoryStore(settings, bench.clock)
    owners = StaticShardMap("allocation", SHARDS)
    holds = StaticShardMap.with_one_owner("settlement", 1, settlement_address)
    allocation = wire(
        settings,
        store,
        bench.channels("allocation"),
        {
            "allocation": ShardRouter(owners, clock=bench.clock),
            "settlement": ShardRouter(holds, clock=bench.clock),
        },
        Directory(fixed={"social": [social_address]}, clock=bench.clock),
        Telemetry(settings, "allocation", ()),
        bench.clock,
        lambda: SEED,
    )
    address = await bench.serve("allocation", allocation.services, settings)
    for shard in range(SHARDS):
        await allocation.host.take(shard, epoch=1)
        owners.assign(shard, ShardOwner(settings.instance, address, epoch=1))
    gateway = allocation_pb2_grpc.ClaimServiceStub(bench.channels("gateway").channel(address))
    crowd = Crowd(gateway)
    trouble = Trouble(bench, store, allocation.host, owners, settlement_address)
    actions: dict[str, Callable[..., Any]] = {
        "claim": crowd.claim,
        "fill_watchers": crowd.fill_watchers,
        "fill_claim_streams": crowd.fill_claim_streams,
        "slow_disk": trouble.slow_disk,
        "settlement_down": trouble.settlement_down,
        "lose_shard": trouble.lose_shard,
        "settlement_says_too_late": settlement.say_too_late,
        "ask_for_packets": trouble.ask_for_packets,
    }
    try:
        yield Provider(address, actions=actions)
    finally:
        crowd.leave()
        closing = asyncio.ensure_future(allocation.host.close())
        while not closing.done():
            # A slow disk needs time to finish what was begun.
            await bench.clock.advance(0.1)


class Crowd:
    """Other callers of the claim service."""

    def __init__(self, gateway: allocation_pb2_grpc.ClaimServiceAsyncStub) -> None:
        self._gateway = gateway
        self._held: list[Any] = []

    async def claim(self, shard: int, person_ids: list[int]) -> None:
        request = allocation_pb2.ClaimBatchRequest(stock_id=STOCK, shard=shard, person_ids=person_ids)
        answers = [answer async for answer in self._gateway.ClaimBatch(iter([request]))]
        assert all(answers[0].amounts_fen), "the case lets them win"

    async def fill_watchers(self) -> None:
        for number in range(2):
            request = allocation_pb2.WatchStocksRequest(instance=f"gateway-{number}")
            watcher = self._gateway.WatchStocks(request)
            await watcher.read()
            self._held.append(watcher)

    async def fill_claim_streams(self) -> None:
        for _ in range(2):
            stream = self._gateway.ClaimBatch()
            # The answer shows that the stream is being served.
            await stream.write(allocation_pb2.ClaimBatchRequest(stock_id="no.stock", person_ids=[2]))
            await stream.read()
            self._held.append(stream)

    def leave(self) -> None:
        for call in self._held:
            call.cancel()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What can go wrong around the service."""

    bench: Bench
    store: MemoryStore
    host: AllocationHost
    owners: StaticShardMap
    settlement_address: str

    def slow_disk(self) -> None:
        self.store.latency_s = 1.0

    def settlement_down(self) -> None:
        self.bench.network.cut(self.settlement_address)

    def ask_for_packets(self, shard: int, from_shard: int) -> None:
        """Puts a request for packets on a shard's record, and leaves it at that."""
        held = self.host.owned(shard)
        stock = held.state.stock(STOCK)
        held.commit(packets_requested(stock.terms, stock.next_request(from_shard, 1)))

    async def lose_shard(self, shard: int) -> None:
        await self.host.give(shard)
        self.owners.assign(shard, None)

"""Allocation in one process, with a manual clock, and settlement as far as allocation sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc, events_pb2
from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from services.allocation.__main__ import Allocation, wire
from services.allocation.api.held import AllocationShard
from services.allocation.settings import AllocationSettings
from services.mesh.channel import ChannelFactory
from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import JournalStore
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer, Service
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import Telemetry

SHARDS = 4
SEED = bytes(range(100, 132))
CAMPAIGN = "spring-2016"
ROUND = "round-1"
STOCK = f"{CAMPAIGN}.{ROUND}"
SPONSOR = 7


class ToySettlement(settlement_pb2_grpc.SettlementServiceServicer):
    """Holds money, as settlement does."""

    def __init__(self, available_fen: int) -> None:
        self.available_fen = available_fen
        self.holds: dict[str, settlement_pb2.CreateHoldRequest] = {}
        self.lost_answers: list[ServiceError] = []
        """What the caller gets instead of the next answers."""

    async def CreateHold(  # noqa: N802 - gRPC names the methods
        self,
        request: settlement_pb2.CreateHoldRequest,
        context: Any,  # noqa: ARG002 - gRPC hands it over
    ) -> settlement_pb2.CreateHoldResponse:
        assert request.HasField("hold_ends_at"), "an attempt says until when it may take the money"
        # Which is a later moment in each attempt.
        request.ClearField("hold_ends_at")
        if request.hold_id not in self.holds:
            needed_fen = sum(part.amount_fen for part in request.parts)
            if needed_fen > self.available_fen:
                raise ServiceError.rebuilt(
                    kind=ErrorKind.PRECONDITION,
                    domain="hongbao.settlement",
                    reason="FUNDS_INSUFFICIENT",
                    message="not enough",
                    metadata={
                        "sponsor_id": str(request.sponsor_id),
                        "available_fen": str(self.available_fen),
                        "needed_fen": str(needed_fen),
                    },
                    retry_delay_ms=None,
                )
            self.available_fen -= needed_fen
            self.holds[request.hold_id] = request
        assert self.holds[request.hold_id] == request, "the same hold is asked for in the same words"
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return settlement_pb2.CreateHoldResponse(available_fen=self.available_fen)


class Instance:
    """One process of the allocation service."""

    def __init__(self, wired: Allocation, server: MeshServer, name: str) -> None:
        self.host = wired.host
        self.figures = wired.figures
        self.server = server
        self.name = name


class AllocationMesh:
    """A mesh in which tests decide who owns what, and what time it is."""

    def __init__(self, store: Callable[[MeshSettings, ManualClock], JournalStore], **settings: Any) -> None:
        self.clock = ManualClock()
        self.network = LocalNetwork(self.clock)
        self.map = StaticShardMap("allocation", SHARDS)
        self.settlement = ToySettlement(available_fen=10**9)  # type: ignore[abstract]  # all that is called
        self.telemetry: Telemetry | None = None
        self._values = {"allocation_shards": SHARDS, "drain_s": 0.0, "stop_grace_s": 0.0, **settings}
        self._stack = AsyncExitStack()
        self.instances: dict[str, Instance] = {}
        self.store = store(self.settings("store"), self.clock)

    def settings(self, instance: str) -> AllocationSettings:
        return AllocationSettings(instance=instance, **self._values)

    async def __aenter__(self) -> Self:
        self._stack.push_async_callback(self.store.close)
        await self.start_settlement()
        channels = ChannelFactory(self.settings("operator"), "operator", network=self.network)
        self._stack.push_async_callback(channels.close)
        self.channels = channels
        gateway = ChannelFactory(self.settings("gateway"), "gateway", network=self.network)
        self._stack.push_async_callback(gateway.close)
        self.gateway_channels = gateway
        feeds = ChannelFactory(self.settings("settlement"), "settlement", network=self.network)
        self._stack.push_async_callback(feeds.close)
        self.feed_channels = feeds
        peers = ChannelFactory(self.settings("peer"), "allocation", network=self.network)
        self._stack.push_async_callback(peers.close)
        self.peer_channels = peers
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()

    async def start_settlement(self) -> None:
        service = Service(
            "hongbao.settlement.v1.SettlementService",
            self.settlement,
            settlement_pb2_grpc.add_SettlementServiceServicer_to_server,
        )
        await self._serve("settlement", (service,), "settlement-0")

    def settlement_map(self, settings: AllocationSettings) -> StaticShardMap:
        """Where allocation finds settlement."""
        return StaticShardMap.with_one_owner("settlement", settings.settlement_shards, "local/settlement-0")

    def stop_settlement(self) -> None:
        self.network.cut("local/settlement-0")

    async def start(self, name: str, shards: Sequence[int] = range(SHARDS), epoch: int = 1) -> Instance:
        """Starts an instance that takes these shards, and tells everyone."""
        settings = self.settings(name)
        channels = ChannelFactory(settings, "allocation", network=self.network)
        self._stack.push_async_callback(channels.close)
        routers = {
            "allocation": ShardRouter(self.map, clock=self.clock),
            "settlement": ShardRouter(self.settlement_map(settings), clock=self.clock),
        }
        telemetry = self._telemetry(settings, "allocation")
        directory = Directory(None, fixed={"social": ("local/social-0",)}, clock=self.clock)
        wired = wire(settings, self.store, channels, routers, directory, telemetry, self.clock, lambda: SEED)
        self._stack.push_async_callback(wired.host.close)
        instance = Instance(wired, await self._serve("allocation", wired.services, name), name)
        self.instances[name] = instance
        for shard in shards:
            await self.take(instance, shard, epoch)
        return instance

    async def take(self, instance: Instance, shard: int, epoch: int) -> None:
        await instance.host.take(shard, epoch)
        self.map.assign(shard, ShardOwner(instance.name, instance.server.address, epoch))

    async def crash(self, instance: Instance, *, in_flight_survives: bool = False) -> None:
        """Ends an instance as SIGKILL does: nothing is flushed, nobody is told."""
        self.network.cut(instance.server.address)
        if isinstance(self.store, MemoryStore):
            self.store.crash(in_flight_survives=in_flight_survives)
        for shard in list(instance.host.shards()):
            losing = asyncio.ensure_future(instance.host.lose(shard.number))
            while not losing.done():
                # A commit that was under way may need time to come to nothing.
                await self.pass_time(0.1)
            self.map.assign(shard.number, None)

    async def pass_time(self, seconds: float, step_s: float = 0.05) -> None:
        """Moves time in small steps, so that what waits in turn for what happens meanwhile gets on."""
        for _ in range(round(seconds / step_s)):
            await asyncio.sleep(0)
            await self.clock.advance(step_s)

    def home_shard(self) -> int:
        """Where the campaign is kept."""
        return shard_of_text(CAMPAIGN, SHARDS)

    def campaigns(self, address: str = "local/a") -> allocation_pb2_grpc.AllocationServiceAsyncStub:
        return allocation_pb2_grpc.AllocationServiceStub(self.channels.channel(address))

    def stocks(self, address: str = "local/a") -> allocation_pb2_grpc.StockServiceAsyncStub:
        return allocation_pb2_grpc.StockServiceStub(self.channels.channel(address))

    def peers(self, address: str = "local/a") -> allocation_pb2_grpc.StockServiceAsyncStub:
        """The stock service as other instances of allocation see it."""
        return allocation_pb2_grpc.StockServiceStub(self.peer_channels.channel(address))

    def claims(self, address: str = "local/a") -> allocation_pb2_grpc.ClaimServiceAsyncStub:
        return allocation_pb2_grpc.ClaimServiceStub(self.gateway_channels.channel(address))

    async def get_round(self, address: str = "local/a") -> allocation_pb2.Round:
        request = allocation_pb2.GetRoundRequest(campaign_id=CAMPAIGN, round_id=ROUND)
        return (await self.campaigns(address).GetRound(request)).round

    async def packet(self, person_id: int, address: str = "local/a") -> allocation_pb2.Packet:
        stub = allocation_pb2_grpc.ClaimServiceStub(self.channels.channel(address))
        request = allocation_pb2.GetPacketRequest(stock_id=STOCK, person_id=person_id)
        return (await stub.GetPacket(request)).packet

    async def claim(
        self, shard: int, people: Sequence[int], address: str = "local/a", *, trace_context: str = ""
    ) -> allocation_pb2.ClaimBatchResponse:
        """Sends one batch over a stream of its own."""
        request = allocation_pb2.ClaimBatchRequest(
            batch_id=1, stock_id=STOCK, shard=shard, person_ids=people, trace_context=trace_context
        )
        answers = [answer async for answer in self.claims(address).ClaimBatch(iter([request]))]
        assert [answer.batch_id for answer in answers] == [1]
        return answers[0]

    async def create_campaign(
        self, budget_fen: int = 10**8, wait_until: Timestamp | None = None
    ) -> allocation_pb2.Campaign:
        request = allocation_pb2.CreateCampaignRequest(
            campaign_id=CAMPAIGN,
            sponsor_id=SPONSOR,
            display_name="春节",
            budget_fen=budget_fen,
            winnings_wait_until_at=wait_until,
        )
        return (await self.campaigns().CreateCampaign(request)).campaign

    def round_request(self, **changes: Any) -> allocation_pb2.CreateRoundRequest:
        """A round of 400 packets in ten seconds from now, for a minute."""
        now_ms = self.clock.now_ms()
        values: dict[str, Any] = {
            "campaign_id": CAMPAIGN,
            "round_id": ROUND,
            "opens_at": at(now_ms + 10_000),
            "closes_at": at(now_ms + 70_000),
            "budget_fen": 66_800,
            "packet_count": 400,
            "packet_min_fen": 1,
            "packet_max_fen": 880,
            "release_curve": events_pb2.RELEASE_CURVE_IMMEDIATE,
            **changes,
        }
        return allocation_pb2.CreateRoundRequest(**values)

    async def create_round(self, **changes: Any) -> allocation_pb2.Round:
        return (await self.campaigns().CreateRound(self.round_request(**changes))).round

    async def open_round(self, **changes: Any) -> allocation_pb2.Round:
        """A campaign with a round that is open now."""
        await self.create_campaign()
        created = await self.create_round(**changes)
        await self.clock.advance(10)
        return created

    async def closed_round(self, address: str = "local/a") -> allocation_pb2.Round:
        """The round once it is closed on all shards; time is moved in small steps while it is not."""
        for _ in range(100):
            found = await self.get_round(address)
            if found.phase == allocation_pb2.ROUND_PHASE_CLOSED:
                return found
            await self.pass_time(0.1)
        raise AssertionError("the round was not closed")

    async def feed(self, shard: int, address: str = "local/a") -> list[events_pb2.FeedRecord]:
        """Everything durable in a shard's feed."""
        last = next(held.durable_seq for held in self._held() if held.number == shard)
        stub = allocation_pb2_grpc.StockServiceStub(self.feed_channels.channel(address))
        records: list[events_pb2.FeedRecord] = []
        if last:
            call = stub.ReadEvents(allocation_pb2.ReadEventsRequest(shard=shard, after_seq=0))
            async for response in call:
                records.extend(response.records)
                if records[-1].seq >= last:
                    break
            call.cancel()
        return records

    def _held(self) -> list[AllocationShard]:
        return [shard for instance in self.instances.values() for shard in instance.host.shards()]

    async def _serve(self, service: str, services: Sequence[Service], name: str) -> MeshServer:
        settings = self.settings(name)
        telemetry = self._telemetry(settings, service)
        server = MeshServer(
            settings, service, services, telemetry=telemetry, clock=self.clock, network=self.network
        )
        await server.start()
        self._stack.callback(self.network.cut, server.address)
        return server

    def _telemetry(self, settings: MeshSettings, service: str) -> Telemetry:
        return self.telemetry or Telemetry(settings, service, ())


def at(time_ms: int) -> Timestamp:
    time = Timestamp()
    time.FromMilliseconds(time_ms)
    return time


def people_of(shard: int, count: int, start: int = 1) -> list[int]:
    """The first people of a shard."""
    people: list[int] = []
    person_id = start
    while len(people) < count:
        if shard_of(person_id, SHARDS) == shard:
            people.append(person_id)
        person_id += 1
    return people


async def until(condition: Callable[[], bool], what: str) -> None:
    """Lets everyone run until the condition holds; real time only passes for real disks."""
    for turn in range(3_000):
        if condition():
            return
        await asyncio.sleep(0 if turn < 1_000 else 0.001)
    raise AssertionError(f"did not happen: {what}")


@asynccontextmanager
async def memory_mesh(**settings: Any) -> AsyncIterator[AllocationMesh]:
    """A mesh on journals in memory, with one instance, `a`, that owns everything."""

    def store(of: MeshSettings, clock: ManualClock) -> JournalStore:
        return MemoryStore(of, clock)

    async with AllocationMesh(store, **settings) as mesh:
        await mesh.start("a")
        yield mesh

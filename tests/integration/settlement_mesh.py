"""Settlement in one process under a manual clock, with feeds of allocation and cards that tests write."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

from google.protobuf.message import Message

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc, statements_pb2_grpc
from services.mesh.channel import ChannelFactory
from services.mesh.clock import ManualClock
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
from services.settlement.__main__ import Settlement, wire
from services.settlement.adapters.statements.store import StatementStore
from services.settlement.domain.books import Books, prove
from services.settlement.domain.books_contract import read_books
from services.settlement.settings import SettlementSettings

SHARDS = 2
SOURCE_SHARDS = 4
CAMPAIGN = "spring"
ROUND = "spring.r01"
SPONSOR = 7
REQUEST = "0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10"


class ToyFeeds:
    """What the shards of another service have on record."""

    def __init__(self, clock: ManualClock) -> None:
        self._records: dict[int, list[tuple[Message, str, int]]] = defaultdict(list)
        self._clock = clock
        self._more = asyncio.Event()

    def add(self, shard: int, event: Message, trace_context: str = "") -> None:
        self._records[shard].append((event, trace_context, self._clock.now_ms()))
        self._more.set()
        self._more = asyncio.Event()

    async def read(self, request: Any, response_type: Callable[[], Any]) -> AsyncIterator[Any]:
        """At most ten records a message, then live."""
        seq = request.after_seq
        while True:
            more, records = self._more, self._records[request.shard]
            while seq < len(records):
                response = response_type()
                for event, trace_context, time_ms in records[seq : seq + 10]:
                    seq += 1
                    record = response.records.add(seq=seq, trace_context=trace_context)
                    record.time.FromMilliseconds(time_ms)
                    record.event.CopyFrom(event)
                yield response
            await more.wait()


class ToyAllocation(allocation_pb2_grpc.StockServiceServicer):
    def __init__(self, feeds: ToyFeeds) -> None:
        self._feeds = feeds

    async def ReadEvents(  # noqa: N802 - gRPC names the methods
        self, request: allocation_pb2.ReadEventsRequest, _context: Any
    ) -> AsyncIterator[allocation_pb2.ReadEventsResponse]:
        async for response in self._feeds.read(request, allocation_pb2.ReadEventsResponse):
            yield response


class ToyCards(cards_pb2_grpc.CardsShardServiceServicer):
    def __init__(self, feeds: ToyFeeds) -> None:
        self._feeds = feeds

    async def ReadEvents(  # noqa: N802 - gRPC names the methods
        self, request: cards_pb2.ReadEventsRequest, _context: Any
    ) -> AsyncIterator[cards_pb2.ReadEventsResponse]:
        async for response in self._feeds.read(request, cards_pb2.ReadEventsResponse):
            yield response


def toy_services(allocation_feeds: ToyFeeds, cards_feeds: ToyFeeds) -> tuple[Service, Service]:
    """The two producers, as contract services."""
    return (
        Service(
            "hongbao.allocation.v1.StockService",
            ToyAllocation(allocation_feeds),  # type: ignore[abstract]  # the rest is not called
            allocation_pb2_grpc.add_StockServiceServicer_to_server,
        ),
        Service(
            "hongbao.cards.v1.CardsShardService",
            ToyCards(cards_feeds),  # type: ignore[abstract]  # as above
            cards_pb2_grpc.add_CardsShardServiceServicer_to_server,
        ),
    )


class SettlementMesh:
    """A mesh in which tests decide who owns what, what feeds say, and what time it is."""

    def __init__(
        self,
        store: Callable[[MeshSettings, ManualClock], JournalStore] = MemoryStore,
        statements: Callable[[SettlementSettings], StatementStore] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = ManualClock()
        self.network = LocalNetwork(self.clock)
        self.map = StaticShardMap("settlement", SHARDS)
        self.allocation = ToyFeeds(self.clock)
        self.cards = ToyFeeds(self.clock)
        self.instances: dict[str, Settlement] = {}
        self._values = {
            "allocation_shards": SOURCE_SHARDS,
            "cards_shards": SOURCE_SHARDS,
            "settlement_shards": SHARDS,
            "people_known": "everybody",
            "drain_s": 0.0,
            "stop_grace_s": 0.0,
            **settings,
        }
        self._stack = AsyncExitStack()
        self._statements = statements or (lambda settings: StatementStore("memory", settings))
        self.store = store(self.settings("store"), self.clock)
        self.operator = self._channels("operator")
        self.holder = self._channels("allocation")
        self.gateway = self._channels("gateway")

    def settings(self, instance: str) -> SettlementSettings:
        return SettlementSettings(instance=instance, **self._values)

    async def __aenter__(self) -> Self:
        self._stack.push_async_callback(self.store.close)
        await self._serve("producers", toy_services(self.allocation, self.cards), "producers")
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()

    async def start(
        self, name: str = "a", shards: Sequence[int] = range(SHARDS), epoch: int = 1
    ) -> Settlement:
        """Starts an instance that takes these shards, and tells everyone."""
        settings = self.settings(name)
        routers = {
            service: ShardRouter(
                StaticShardMap.with_one_owner(service, SOURCE_SHARDS, "local/producers"), clock=self.clock
            )
            for service in ("allocation", "cards")
        }
        routers["settlement"] = ShardRouter(self.map, clock=self.clock)
        statements = self._statements(settings)
        self._stack.push_async_callback(statements.close)
        directory = Directory(fixed={"identity": ["local/identity"]}, clock=self.clock)
        channels = self._channels("settlement")
        wired = wire(settings, self.store, channels, routers, self.clock, statements, directory)
        self._stack.push_async_callback(wired.host.close)
        await self._serve("settlement", wired.services, name)
        self.instances[name] = wired
        for shard in shards:
            await self.take(name, shard, epoch)
        return wired

    async def serve_identity(self, service: Service) -> None:
        """Lets settlement find identity; it reads of people where `people_known` says so."""
        await self._serve("identity", [service], "identity")

    async def take(self, name: str, shard: int, epoch: int) -> None:
        await self.instances[name].host.take(shard, epoch)
        self.map.assign(shard, ShardOwner(name, f"local/{name}", epoch))

    async def give(self, name: str, shard: int) -> None:
        self.map.assign(shard, None)
        await self.instances[name].host.give(shard)

    async def crash(self, name: str) -> None:
        """Ends an instance as SIGKILL does: nothing is flushed, nobody is told."""
        self.network.cut(f"local/{name}")
        if isinstance(self.store, MemoryStore):
            self.store.crash(in_flight_survives=False)
        host = self.instances.pop(name).host
        for shard in list(host.shards()):
            self.map.assign(shard.number, None)
            await self.until_done(host.lose(shard.number))

    async def pass_time(self, seconds: float) -> None:
        """Moves time in small steps, so that what waits in turn for what happens meanwhile gets on."""
        for _ in range(round(seconds / 0.05)):
            await asyncio.sleep(0)
            await self.clock.advance(0.05)

    async def until_done(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        for _ in range(1000):
            if task.done():
                break
            await self.pass_time(0.05)
        await task

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Lets everyone run, and time pass, until the condition holds; real time passes only for disks."""
        for turn in range(10_000):
            if await condition():
                return
            await self.clock.advance(0.02)
            await asyncio.sleep(0 if turn < 500 else 0.002)
        raise AssertionError(f"did not happen: {what}")

    # Calls.

    def statements(self, shard: int) -> statements_pb2_grpc.StatementServiceAsyncStub:
        """Statements, at the owner of a shard."""
        owner = self.map.owner(shard)
        assert owner is not None
        return statements_pb2_grpc.StatementServiceStub(self.operator.channel(owner.address))

    def stub(
        self, key: int, channels: ChannelFactory | None = None
    ) -> settlement_pb2_grpc.SettlementServiceAsyncStub:
        """The owner of the shard that keeps a sponsor or a person."""
        return self.stub_of_shard(shard_of(key, SHARDS), channels)

    def stub_of_shard(
        self, shard: int, channels: ChannelFactory | None = None
    ) -> settlement_pb2_grpc.SettlementServiceAsyncStub:
        owner = self.map.owner(shard)
        assert owner is not None
        return settlement_pb2_grpc.SettlementServiceStub((channels or self.operator).channel(owner.address))

    async def deposit(self, amount_fen: int, request_id: str = REQUEST) -> settlement_pb2.DepositResponse:
        return await self.stub(SPONSOR).Deposit(
            settlement_pb2.DepositRequest(request_id=request_id, sponsor_id=SPONSOR, amount_fen=amount_fen)
        )

    async def hold_round(self, parts_fen: Sequence[int]) -> settlement_pb2.CreateHoldResponse:
        return await self.stub(SPONSOR, self.holder).CreateHold(
            settlement_pb2.CreateHoldRequest(
                hold_id=ROUND,
                campaign_id=CAMPAIGN,
                sponsor_id=SPONSOR,
                purpose=events.HOLD_PURPOSE_ROUND,
                parts=[events.HoldPart(part=part, amount_fen=fen) for part, fen in enumerate(parts_fen)],
            )
        )

    async def hold_pool(self, amount_fen: int) -> settlement_pb2.CreateHoldResponse:
        return await self.stub(SPONSOR, self.holder).CreateHold(
            settlement_pb2.CreateHoldRequest(
                hold_id=f"{CAMPAIGN}.pool",
                campaign_id=CAMPAIGN,
                sponsor_id=SPONSOR,
                purpose=events.HOLD_PURPOSE_POOL,
                parts=[events.HoldPart(part=0, amount_fen=amount_fen)],
            )
        )

    async def wallet(self, person_id: int) -> int:
        request = settlement_pb2.GetWalletRequest(person_id=person_id)
        return (await self.stub(person_id, self.gateway).GetWallet(request)).balance_fen

    async def balance(self, account_id: str, shard: int) -> int:
        request = settlement_pb2.GetAccountRequest(account_id=account_id)
        return (await self.stub_of_shard(shard).GetAccount(request)).account.balance_fen

    async def books(self) -> Books:
        shards = []
        for shard in range(SHARDS):
            request = settlement_pb2.GetShardBooksRequest(shard=shard)
            shards.append(read_books((await self.stub_of_shard(shard).GetShardBooks(request)).books))
        return prove(shards, SHARDS)

    async def settled(self) -> bool:
        """Whether all money of all campaigns has reached its last account."""
        books = await self.books()
        return bool(books.campaigns) and all(campaign.settled for campaign in books.campaigns)

    # Feeds.

    def packets_won(
        self, part: int, person_ids: Sequence[int], amounts_fen: Sequence[int], trace_context: str = ""
    ) -> None:
        won = allocation.PacketsWon(
            stock_id=ROUND, campaign_id=CAMPAIGN, person_ids=person_ids, amounts_fen=amounts_fen
        )
        self.allocation.add(part, allocation.AllocationEvent(packets_won=won), trace_context)

    def stock_closed(self, part: int, won_fen: int, returned_fen: int) -> None:
        closed = allocation.StockClosed(
            stock_id=ROUND,
            campaign_id=CAMPAIGN,
            sponsor_id=SPONSOR,
            shard=part,
            won_fen=won_fen,
            returned_fen=returned_fen,
        )
        self.allocation.add(part, allocation.AllocationEvent(stock_closed=closed))

    def set_completed(self, person_id: int) -> None:
        completed = cards.SetCompleted(campaign_id=CAMPAIGN, person_id=person_id)
        self.cards.add(shard_of(person_id, SOURCE_SHARDS), cards.CardsEvent(set_completed=completed))

    def pool_decided(self, decided: cards.PoolDecided) -> None:
        for shard in range(SOURCE_SHARDS):
            self.cards.add(shard, cards.CardsEvent(pool_decided=decided))

    @property
    def campaign_home(self) -> int:
        return shard_of_text(CAMPAIGN, SHARDS)

    def _channels(self, caller: str) -> ChannelFactory:
        channels = ChannelFactory(self.settings(caller), caller, network=self.network)
        self._stack.push_async_callback(channels.close)
        return channels

    async def _serve(self, service: str, services: Sequence[Service], name: str) -> None:
        settings = self.settings(name)
        server = MeshServer(
            settings,
            service,
            services,
            telemetry=Telemetry(settings, service, ()),
            clock=self.clock,
            network=self.network,
        )
        await server.start()
        self._stack.callback(self.network.cut, server.address)

"""Cards processes in one process, on journals in memory, a local network and a manual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import grpc

from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc, events_pb2
from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from hongbao.social.v1 import events_pb2 as social_events_pb2
from hongbao.social.v1 import social_pb2, social_pb2_grpc
from services.cards.__main__ import Cards, wire
from services.cards.adapters.clients import CardsPeers
from services.cards.settings import CardsSettings
from services.mesh.channel import ChannelFactory
from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.journal.memory import MemoryStore
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer, Service
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import Telemetry

T = TypeVar("T")

STEP_S = 0.01
"""How far the clock is moved when everything seems to wait for it."""
STEPS_MAX = 1_000
"""Moves of the clock after which a condition has failed."""
TURNS = 40
"""Turns of the loop before the clock is moved."""


class FundsInsufficient(ServiceError):
    """As settlement raises it."""

    kind = ErrorKind.PRECONDITION
    domain = "hongbao.settlement"
    reason = "FUNDS_INSUFFICIENT"


class LineBroken(ServiceError):
    """As a connection that breaks between request and answer."""

    kind = ErrorKind.UNAVAILABLE
    reason = "UNREACHABLE"


class FakeSettlement(settlement_pb2_grpc.SettlementServiceServicer):
    """Holds whatever a sponsor has."""

    def __init__(self, available_fen: int = 10**15) -> None:
        self.available_fen = available_fen
        self.holds: dict[str, settlement_pb2.CreateHoldRequest] = {}
        self.answers_get_lost = False
        """Whether callers hear of a broken line instead of what was done."""

    async def CreateHold(  # noqa: N802 - gRPC names the methods
        self, request: settlement_pb2.CreateHoldRequest, _context: Any
    ) -> settlement_pb2.CreateHoldResponse:
        amount_fen = sum(part.amount_fen for part in request.parts)
        if request.hold_id not in self.holds:
            if amount_fen > self.available_fen:
                raise FundsInsufficient("not enough money", available_fen=self.available_fen)
            self.available_fen -= amount_fen
            self.holds[request.hold_id] = request
        if self.answers_get_lost:
            raise LineBroken("nobody knows what was done")
        return settlement_pb2.CreateHoldResponse(available_fen=self.available_fen)

    def service(self) -> Service:
        add = settlement_pb2_grpc.add_SettlementServiceServicer_to_server
        return Service("hongbao.settlement.v1.SettlementService", self, add)


class FakeSocial(social_pb2_grpc.SocialServiceServicer):
    """Friendships as they are told, and their feed."""

    def __init__(self, clock: ManualClock) -> None:
        self.pairs: list[tuple[int, int]] = []
        self.parted: set[tuple[int, int]] = set()
        """Those of them who are friends no more."""
        self._times_ms: list[int] = []
        self._clock = clock
        self._more = asyncio.Event()

    def befriend(self, one: int, other: int) -> None:
        self.pairs.append((min(one, other), max(one, other)))
        self._times_ms.append(self._clock.now_ms())
        self._more.set()
        self._more = asyncio.Event()

    def part(self, one: int, other: int) -> None:
        """Ends a friendship, as removing or blocking does."""
        self.parted.add((min(one, other), max(one, other)))

    async def CheckRelations(  # noqa: N802 - gRPC names the methods
        self, request: social_pb2.CheckRelationsRequest, _context: Any
    ) -> social_pb2.CheckRelationsResponse:
        pairs = zip(request.person_ids, request.other_person_ids, strict=True)
        friends = set(self.pairs) - self.parted
        return social_pb2.CheckRelationsResponse(
            are_friends=[(min(pair), max(pair)) in friends for pair in pairs],
            are_blocked=[False] * len(request.person_ids),
        )

    async def ReadEvents(  # noqa: N802 - gRPC names the methods
        self, request: social_pb2.ReadEventsRequest, _context: Any
    ) -> AsyncIterator[social_pb2.ReadEventsResponse]:
        seq = request.after_seq
        while True:
            more = self._more
            while seq < len(self.pairs):
                (low, high), time_ms = self.pairs[seq], self._times_ms[seq]
                seq += 1
                record = social_events_pb2.FeedRecord(seq=seq)
                record.time.FromMilliseconds(time_ms)
                record.event.friendship_made.low_person_id = low
                record.event.friendship_made.high_person_id = high
                yield social_pb2.ReadEventsResponse(records=[record])
            await more.wait()

    def service(self) -> Service:
        add = social_pb2_grpc.add_SocialServiceServicer_to_server
        return Service("hongbao.social.v1.SocialService", self, add)


@dataclass(slots=True)
class Process:
    """One instance of cards."""

    instance: str
    address: str
    cards: Cards
    channels: ChannelFactory
    is_alive: bool = True


@dataclass(slots=True)
class CardsMesh:
    """Several instances of cards that share the shards, with what they need around them."""

    shard_count: int = 4
    clock: ManualClock = field(default_factory=ManualClock)
    processes: list[Process] = field(default_factory=list)
    settlement: FakeSettlement = field(default_factory=FakeSettlement)
    identity: str = ""
    """Where identity is; empty where people are checked elsewhere."""
    blocked: set[tuple[str, str]] = field(default_factory=set)
    """Calls that do not get through, as (address, method)."""
    network: LocalNetwork = field(init=False)
    social: FakeSocial = field(init=False)
    store: MemoryStore = field(init=False)
    map: StaticShardMap = field(init=False)
    _epoch: int = 0
    _social: str = ""
    _settlement: str = ""
    _channels: ChannelFactory = field(init=False)

    def __post_init__(self) -> None:
        self.network = LocalNetwork(self.clock, self._fault)
        self.social = FakeSocial(self.clock)  # type: ignore[abstract]  # the rest is not called
        self.store = MemoryStore(MeshSettings(), self.clock)
        self.map = StaticShardMap("cards", self.shard_count)
        self._channels = ChannelFactory(MeshSettings(), "operator", network=self.network)

    async def __aenter__(self) -> Self:
        self._social = await self._serve("social", [self.social.service()])
        self._settlement = await self._serve("settlement", [self.settlement.service()])
        for number in range(2):
            await self.start(f"cards-{number}")
        for shard in range(self.shard_count):
            await self.assign(shard, self.processes[shard % 2])
        return self

    async def __aexit__(self, *_failure: object) -> None:
        for process in self.processes:
            if process.is_alive:
                await self.crash(process)
        await self._channels.close()
        for address in filter(None, (self._social, self._settlement, self.identity)):
            self.network.cut(address)

    async def start(self, instance: str) -> Process:
        settings = self._settings(instance)
        channels = ChannelFactory(settings, "cards", network=self.network)
        settlement = StaticShardMap.with_one_owner("settlement", 1, self._settlement)
        cards = wire(
            settings,
            self.store,
            channels,
            {
                "cards": ShardRouter(self.map, clock=self.clock),
                "settlement": ShardRouter(settlement, clock=self.clock),
            },
            Directory(
                fixed={"social": [self._social], **({"identity": [self.identity]} if self.identity else {})},
                clock=self.clock,
            ),
            self.clock,
            # Always the same draws: now and then 40 random ones would lack a kind of card.
            new_seed=lambda: bytes(range(32)),
        )
        address = await self._serve(instance, cards.services, settings)
        process = Process(instance, address, cards, channels)
        self.processes.append(process)
        return process

    async def serve_identity(self, *services: Service) -> None:
        """Lets cards follow identity; to be called before the mesh begins."""
        self.identity = await self._serve("identity", services)

    async def assign(self, shard: int, process: Process) -> None:
        """Lets a process take a shard, under an epoch above all before."""
        self._epoch += 1
        await process.cards.host.take(shard, self._epoch)
        self.map.assign(shard, ShardOwner(process.instance, process.address, self._epoch))

    async def crash(self, process: Process) -> None:
        """Ends a process without a word: its shards are lost as they are."""
        process.is_alive = False
        self.network.cut(process.address)
        for shard in range(self.shard_count):
            owner = self.map.owner(shard)
            if owner is not None and owner.instance == process.instance:
                self.map.assign(shard, None)
            await process.cards.host.lose(shard)
        await process.channels.close()

    async def take_over(self, taker: Process) -> None:
        """Gives everything that nobody owns to a process."""
        for shard in range(self.shard_count):
            if self.map.owner(shard) is None:
                await self.assign(shard, taker)

    def player(self, shard: int) -> cards_pb2_grpc.CardsServiceAsyncStub:
        """The contract at the owner of a shard."""
        return cards_pb2_grpc.CardsServiceStub(self._channels.channel(self._address(shard)))

    def channel(self, shard: int) -> grpc.aio.Channel:
        """To the owner of a shard, for its other services."""
        return self._channels.channel(self._address(shard))

    def person(self, number: int, shard: int) -> int:
        """The person of that number, from 0, among those of a shard."""
        found = [person for person in range(1, 2_000) if shard_of(person, self.shard_count) == shard]
        return found[number]

    async def records(self, shard: int) -> list[events_pb2.CardsEvent]:
        """What the shard's journal holds, secrets and all."""
        journal = await self.store.open("cards", shard)
        records = await journal.read(0, 100_000)
        await journal.close()
        return [events_pb2.CardsEvent.FromString(record.payload) for record in records]

    async def figures(self, campaign_id: str, shard: int) -> cards_pb2.GetShardGameResponse:
        stub = cards_pb2_grpc.CardsShardServiceStub(self._channels.channel(self._address(shard)))
        request = cards_pb2.GetShardGameRequest(campaign_id=campaign_id, shard=shard)
        return await self.driven(stub.GetShardGame(request))

    def feed(self, shard: int) -> AsyncIterator[cards_pb2.ReadEventsResponse]:
        """The feed of a shard, as another shard reads it."""
        channels = self.processes[0].channels
        return CardsPeers(ShardRouter(self.map, clock=self.clock), channels, 1.0).feed_of(shard)(0)

    async def driven(self, work: Awaitable[T]) -> T:
        """Waits for something, moving the clock while it seems to wait for that."""
        task = asyncio.ensure_future(work)
        await self.until(task.done)
        return await task

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until something is true, moving the clock in small steps."""
        for _ in range(STEPS_MAX):
            for _ in range(TURNS):
                if condition():
                    return
                await asyncio.sleep(0)
            await self.clock.advance(STEP_S)
        raise AssertionError("it never came to be")

    async def pass_time(self, seconds: float) -> None:
        """Moves the clock in steps, so that everybody has the time to act."""
        for _ in range(round(seconds / 0.25)):
            await self.clock.advance(0.25)
            for _ in range(TURNS):
                await asyncio.sleep(0)

    def _settings(self, instance: str) -> CardsSettings:
        return CardsSettings(
            instance=instance,
            cards_shards=self.shard_count,
            settlement_shards=1,
            people_known="identity" if self.identity else "everybody",
        )

    def _address(self, shard: int) -> str:
        owner = self.map.owner(shard)
        assert owner is not None, f"nobody owns shard {shard}"
        return owner.address

    async def _serve(
        self, name: str, services: Sequence[Service], settings: MeshSettings | None = None
    ) -> str:
        settings = settings or MeshSettings(instance=name)
        server = MeshServer(
            settings,
            name.partition("-")[0],
            services,
            telemetry=Telemetry(settings, name, ()),
            clock=self.clock,
            network=self.network,
        )
        return await server.start()

    async def _fault(self, address: str, method: str) -> None:
        if (address, method.rpartition("/")[2]) in self.blocked:
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "the line is cut"
            )

"""What the operator asks of services directly: campaigns, games, packets and books."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

import grpc
import protovalidate
from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import allocation_pb2_grpc as allocation_grpc
from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import cards_pb2_grpc as cards_grpc
from hongbao.settlement.v1 import settlement_pb2 as settlement
from hongbao.settlement.v1 import settlement_pb2_grpc as settlement_grpc
from services.mesh.callgraph import OPERATOR
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.etcd.client import EtcdClient
from services.mesh.settings import MeshSettings
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.routers import shard_counts
from services.mesh.shards.watched_map import EtcdShardMap

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0
"""What etcd gets to say who owns the shards, seconds."""
CALL_DEADLINE_S = 20.0
"""What an operator's call gets, retries at a new owner included, seconds."""
PACKETS_PAGE = 10_000


class MeshSilent(ServiceError):
    """The mesh does not say who owns its shards. Metadata: `etcd_endpoint`."""

    kind = ErrorKind.UNAVAILABLE
    domain = "hongbao.cli"
    reason = "MESH_SILENT"


class Operator:
    """Calls of the operator to the sharded services, each sent to the owner of its shard."""

    def __init__(
        self, settings: MeshSettings, channels: ChannelFactory, maps: dict[str, EtcdShardMap]
    ) -> None:
        self._settings = settings
        self._channels = channels
        self.maps = maps
        self._routers = {service: ShardRouter(shard_map) for service, shard_map in maps.items()}

    async def deposit(self, sponsor_id: int, amount_fen: int, request_id: str | None = None) -> None:
        """Puts a sponsor's money into the ledger, once for a `request_id`; a UUID, a new one by default."""
        request = settlement.DepositRequest(
            request_id=request_id or str(uuid.uuid4()), sponsor_id=sponsor_id, amount_fen=amount_fen
        )
        shard = shard_of(sponsor_id, self._settings.settlement_shards)
        await self._settlement(shard, lambda stub, timeout_s: stub.Deposit(request, timeout=timeout_s))

    async def create_campaign(
        self, campaign_id: str, sponsor_id: int, display_name: str, budget_fen: int
    ) -> None:
        """Registers a campaign; its rounds may not cost more than the budget."""
        request = allocation.CreateCampaignRequest(
            campaign_id=campaign_id, sponsor_id=sponsor_id, display_name=display_name, budget_fen=budget_fen
        )
        await self._allocation(
            self._home(campaign_id), lambda stub, timeout_s: stub.CreateCampaign(request, timeout=timeout_s)
        )

    async def has_campaign(self, campaign_id: str) -> bool:
        """Whether a campaign of this id exists."""
        try:
            await self.rounds(campaign_id)
        except ServiceError as error:
            if error.reason != "CAMPAIGN_UNKNOWN":
                raise
            return False
        return True

    async def create_round(self, request: allocation.CreateRoundRequest) -> allocation.Round:
        """Funds a round and prepares it on every shard."""
        answer = await self._allocation(
            self._home(request.campaign_id),
            lambda stub, timeout_s: stub.CreateRound(request, timeout=timeout_s),
        )
        return answer.round

    async def round(self, campaign_id: str, round_id: str) -> allocation.Round:
        """A round as it stands; with the seed once it is closed."""
        request = allocation.GetRoundRequest(campaign_id=campaign_id, round_id=round_id)
        answer = await self._allocation(
            self._home(campaign_id), lambda stub, timeout_s: stub.GetRound(request, timeout=timeout_s)
        )
        return answer.round

    async def rounds(self, campaign_id: str) -> list[allocation.Round]:
        """All rounds of a campaign."""
        found: list[allocation.Round] = []
        request = allocation.ListRoundsRequest(campaign_id=campaign_id)
        while True:
            answer = await self._allocation(
                self._home(campaign_id), lambda stub, timeout_s: stub.ListRounds(request, timeout=timeout_s)
            )
            found += answer.rounds
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    async def publish_beacon(self, campaign_id: str, round_id: str, value: bytes) -> allocation.Round:
        """Tells what a round's beacon has shown, and opens the round with it."""
        request = allocation.PublishBeaconRequest(campaign_id=campaign_id, round_id=round_id, value=value)
        answer = await self._allocation(
            self._home(campaign_id),
            lambda stub, timeout_s: stub.PublishBeacon(request, timeout=timeout_s),
        )
        return answer.round

    async def packets(self, stock_id: str, shard: int) -> AsyncIterator[allocation.ListPacketsResponse]:
        """All packets won from one shard's part of a stock, page by page."""
        request = allocation.ListPacketsRequest(stock_id=stock_id, shard=shard, page_size=PACKETS_PAGE)
        while True:
            page = await self._route(
                "allocation",
                shard,
                lambda address, timeout_s: allocation_grpc.StockServiceStub(
                    self._channels.channel(address)
                ).ListPackets(request, timeout=timeout_s),
            )
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def proof(self, stock_id: str, person_id: int) -> allocation.GetProofResponse:
        """The proof of what a person won."""
        request = allocation.GetProofRequest(stock_id=stock_id, person_id=person_id)
        return await self._route(
            "allocation",
            shard_of(person_id, self._settings.allocation_shards),
            lambda address, timeout_s: allocation_grpc.ClaimServiceStub(
                self._channels.channel(address)
            ).GetProof(request, timeout=timeout_s),
        )

    async def stock(self, stock_id: str, shard: int) -> allocation.GetStockResponse:
        """One shard's part of a stock as it stands."""
        request = allocation.GetStockRequest(stock_id=stock_id, shard=shard)
        return await self._route(
            "allocation",
            shard,
            lambda address, timeout_s: allocation_grpc.StockServiceStub(
                self._channels.channel(address)
            ).GetStock(request, timeout=timeout_s),
        )

    async def create_game(self, request: cards.CreateGameRequest) -> cards.Game:
        """Funds the pool of a card game and prepares it on every shard."""
        answer = await self._cards(
            request.campaign_id, lambda stub, timeout_s: stub.CreateGame(request, timeout=timeout_s)
        )
        return answer.game

    async def game(self, campaign_id: str) -> cards.Game:
        """A card game as it stands."""
        request = cards.GetGameRequest(campaign_id=campaign_id)
        answer = await self._cards(
            campaign_id, lambda stub, timeout_s: stub.GetGame(request, timeout=timeout_s)
        )
        return answer.game

    async def books(self) -> list[settlement.ShardBooks]:
        """The books of every settlement shard."""
        return [await self._shard_books(shard) for shard in range(self._settings.settlement_shards)]

    async def at_settlement(self, shard: int, call: Callable[[grpc.aio.Channel, float], Awaitable[T]]) -> T:
        """Has a call made to the owner of a settlement shard: over this channel, within these seconds."""
        return await self._route(
            "settlement", shard, lambda address, timeout_s: call(self._channels.channel(address), timeout_s)
        )

    async def at_cards(self, shard: int, call: Callable[[grpc.aio.Channel, float], Awaitable[T]]) -> T:
        """Likewise to the owner of a shard of cards."""
        return await self._route(
            "cards", shard, lambda address, timeout_s: call(self._channels.channel(address), timeout_s)
        )

    async def from_cards(
        self, shard: int, stream: Callable[[grpc.aio.Channel], AsyncIterable[T]]
    ) -> AsyncIterator[T]:
        """Everything that the owner of a shard of cards streams, whoever that is when it begins."""

        async def begun(address: str, _: float) -> tuple[list[T], AsyncIterator[T]]:
            messages = aiter(stream(self._channels.channel(address)))
            try:
                return [await anext(messages)], messages
            except StopAsyncIteration:
                return [], messages

        first, others = await self._route("cards", shard, begun)
        for message in first:
            yield message
            async for other in others:
                yield other

    def cards_home(self, campaign_id: str) -> int:
        """The shard of cards that is home of a campaign's game."""
        return shard_of_text(campaign_id, self._settings.cards_shards)

    async def _shard_books(self, shard: int) -> settlement.ShardBooks:
        request = settlement.GetShardBooksRequest(shard=shard)
        answer = await self._settlement(
            shard, lambda stub, timeout_s: stub.GetShardBooks(request, timeout=timeout_s)
        )
        return answer.books

    def _home(self, campaign_id: str) -> int:
        return shard_of_text(campaign_id, self._settings.allocation_shards)

    async def _allocation(
        self, shard: int, call: Callable[[allocation_grpc.AllocationServiceAsyncStub, float], Awaitable[T]]
    ) -> T:
        return await self._route(
            "allocation",
            shard,
            lambda address, timeout_s: call(
                allocation_grpc.AllocationServiceStub(self._channels.channel(address)), timeout_s
            ),
        )

    async def _cards(
        self, campaign_id: str, call: Callable[[cards_grpc.CardsServiceAsyncStub, float], Awaitable[T]]
    ) -> T:
        return await self.at_cards(
            self.cards_home(campaign_id),
            lambda channel, timeout_s: call(cards_grpc.CardsServiceStub(channel), timeout_s),
        )

    async def _settlement(
        self, shard: int, call: Callable[[settlement_grpc.SettlementServiceAsyncStub, float], Awaitable[T]]
    ) -> T:
        return await self._route(
            "settlement",
            shard,
            lambda address, timeout_s: call(
                settlement_grpc.SettlementServiceStub(self._channels.channel(address)), timeout_s
            ),
        )

    async def _route(self, service: str, shard: int, attempt: Callable[[str, float], Awaitable[T]]) -> T:
        return await self._routers[service].call(shard, attempt, CALL_DEADLINE_S)


@asynccontextmanager
async def connected(etcd_endpoint: str, settings: MeshSettings) -> AsyncIterator[Operator]:
    """An operator of the mesh whose etcd is given."""
    async with AsyncExitStack() as stack:
        etcd = await stack.enter_async_context(EtcdClient([etcd_endpoint]))
        channels = ChannelFactory(settings, OPERATOR)
        stack.push_async_callback(channels.close)
        maps = {
            service: EtcdShardMap(etcd, service, shards) for service, shards in shard_counts(settings).items()
        }
        for shard_map in maps.values():
            stack.push_async_callback(shard_map.close)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.gather(*(shard_map.start() for shard_map in maps.values()))
        except TimeoutError:
            raise MeshSilent(
                f"etcd at {etcd_endpoint} does not answer; see its log, or end the mesh and start it again",
                etcd_endpoint=etcd_endpoint,
            ) from None
        yield Operator(settings, channels, maps)


def is_id(text: str) -> bool:
    """Whether the contracts take a text as the id of a campaign or of a round."""
    return not protovalidate.collect_violations(allocation.GetRoundRequest(campaign_id=text, round_id=text))


def timestamp(moment: datetime) -> Timestamp:
    """A moment as contracts carry it."""
    message = Timestamp()
    message.FromDatetime(moment.astimezone(UTC))
    return message

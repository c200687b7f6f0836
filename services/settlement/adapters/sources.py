"""Where feeds come from: the owners of other services' shards, and of settlement's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc
from hongbao.identity.v1 import person_feed_pb2, person_feed_pb2_grpc
from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from services.mesh.channel import ChannelFactory
from services.mesh.feed.rpc import RpcFeedSource
from services.mesh.feed.until import until
from services.mesh.shards.directory import Directory
from services.mesh.shards.router import ShardRouter
from services.mesh.timestamps import milliseconds
from services.settlement.adapters.people_news import PeopleNews
from services.settlement.domain.effects import ALLOCATION, CARDS, IDENTITY, SETTLEMENT


@dataclass(frozen=True, slots=True)
class FeedSources:
    """Opens feeds by name, at whoever owns their shard."""

    allocation: ShardRouter
    cards: ShardRouter
    settlement: ShardRouter
    channels: ChannelFactory
    connect_s: float
    """Longest wait for a shard to have an owner, seconds."""
    news: PeopleNews
    """Is told up to when identity's feed is known."""
    directory: Directory | None = None
    """Where identity is found; None where people are checked elsewhere."""

    def source(self, name: str, reader_shard: int) -> RpcFeedSource:
        """The feed called `<service>/<shard>`, as one settlement shard reads it.

        Raises ValueError for a service that settlement does not read.
        """
        service, _, number = name.partition("/")
        shard = int(number)
        match service:
            case "allocation":
                return RpcFeedSource(name, lambda after_seq: self._allocation(shard, after_seq))
            case "cards":
                return RpcFeedSource(name, lambda after_seq: self._cards(shard, after_seq))
            case "settlement":
                return RpcFeedSource(name, lambda after_seq: self._settlement(shard, after_seq, reader_shard))
            case "identity":
                return RpcFeedSource(name, lambda after_seq: self._identity(after_seq, reader_shard))
            case _:
                known = f"{ALLOCATION}, {CARDS}, {IDENTITY} and {SETTLEMENT}"
                raise ValueError(f"settlement reads the feeds of {known}, not {name!r}")

    async def _allocation(
        self, shard: int, after_seq: int
    ) -> AsyncIterator[allocation_pb2.ReadEventsResponse]:
        owner = await self.allocation.owner(shard, self.connect_s)
        stub = allocation_pb2_grpc.StockServiceStub(self.channels.channel(owner.address))
        stream = stub.ReadEvents(allocation_pb2.ReadEventsRequest(shard=shard, after_seq=after_seq))
        async for response in until(self.allocation.moved(shard, owner), stream):
            yield response

    async def _cards(self, shard: int, after_seq: int) -> AsyncIterator[cards_pb2.ReadEventsResponse]:
        owner = await self.cards.owner(shard, self.connect_s)
        stub = cards_pb2_grpc.CardsShardServiceStub(self.channels.channel(owner.address))
        stream = stub.ReadEvents(cards_pb2.ReadEventsRequest(shard=shard, after_seq=after_seq))
        async for response in until(self.cards.moved(shard, owner), stream):
            yield response

    async def _settlement(
        self, shard: int, after_seq: int, reader_shard: int
    ) -> AsyncIterator[settlement_pb2.ReadEventsResponse]:
        owner = await self.settlement.owner(shard, self.connect_s)
        stub = settlement_pb2_grpc.SettlementServiceStub(self.channels.channel(owner.address))
        request = settlement_pb2.ReadEventsRequest(
            shard=shard, after_seq=after_seq, onward_shard=reader_shard
        )
        async for response in until(self.settlement.moved(shard, owner), stub.ReadEvents(request)):
            yield response

    async def _identity(
        self, after_seq: int, reader_shard: int
    ) -> AsyncIterator[person_feed_pb2.ReadPersonsResponse]:
        if self.directory is None:
            raise ValueError("nobody has said where identity is")
        address = await self.directory.address("identity", self.connect_s)
        stub = person_feed_pb2_grpc.PersonFeedServiceStub(self.channels.channel(address))
        request = person_feed_pb2.ReadPersonsRequest(
            after_seq=after_seq,
            shard=reader_shard,
            shard_count=self.settlement.map.shard_count,
            tell_completeness=True,
        )
        async for response in stub.ReadPersons(request):
            yield response
            # Whoever asks for the next one has applied this one.
            if response.HasField("complete_at"):
                self.news.heard(reader_shard, milliseconds(response.complete_at))

"""Persons who turned out to be others: identity's feed, hands in feeds of other shards, and a keeper."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import structlog

from hongbao.cards.v1 import events_pb2
from hongbao.identity.v1 import events_pb2 as identity_events_pb2
from hongbao.identity.v1 import person_feed_pb2, person_feed_pb2_grpc
from services.cards.adapters.feeds import ShardSink
from services.cards.adapters.people_records import arrived_from_contract, moved_from_contract
from services.cards.domain.events import FeedPosition
from services.cards.domain.people.events import Merge, PersonsMerged
from services.cards.domain.people.moving import pass_on, take_back, take_in
from services.cards.domain.people.rules import ShardOf, decide_merges
from services.cards.domain.ports import OwnedShard
from services.cards.domain.vocabulary import PersonId
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.feed.port import FeedRecord, FeedSink
from services.mesh.shards.directory import Directory

PEOPLE_FEED = "identity/0"
"""The identity service has one feed."""

_log = structlog.get_logger(__name__)


def hands_of(source: str) -> str:
    """The name of the position in a cards shard's feed as far as hands of merged persons go: "hands/3".

    A place of its own beside that of exchanges, so that each of the two can be applied by itself.
    """
    return f"hands/{source.partition('/')[2]}"


@dataclass(frozen=True, slots=True)
class IdentityPeople:
    """Identity's feed of people."""

    directory: Directory
    channels: ChannelFactory
    connect_s: float
    shard_count: int

    def feed_of(self, shard: int) -> Callable[[int], AsyncIterator[person_feed_pb2.ReadPersonsResponse]]:
        """Opens the feed after a record, with what concerns persons of a shard."""

        async def read_persons(after_seq: int) -> AsyncIterator[person_feed_pb2.ReadPersonsResponse]:
            address = await self.directory.address("identity", self.connect_s)
            stub = person_feed_pb2_grpc.PersonFeedServiceStub(self.channels.channel(address))
            request = person_feed_pb2.ReadPersonsRequest(
                after_seq=after_seq, shard=shard, shard_count=self.shard_count
            )
            async for response in stub.ReadPersons(request):
                yield response

        return read_persons


class PeopleSink:
    """Records who is whom, and passes on what they have. See `FeedSink`."""

    def __init__(
        self,
        shard: OwnedShard,
        now_ms: Callable[[], int],
        shard_of: ShardOf,
        *,
        skip_records: int,
        batch_records: int,
    ) -> None:
        self._shard = shard
        self._now_ms = now_ms
        self._shard_of = shard_of
        self._merges = ShardSink(
            shard, self._effect, skip_records=skip_records, batch_records=lambda: batch_records
        )

    async def cursor(self, source: str) -> int:
        """See `FeedSink.cursor`."""
        return await self._merges.cursor(source)

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        """See `FeedSink.apply`. A crash after the merges leaves the rest to the keeper."""
        await self._merges.apply(source, records)
        people = [merge.person_id for merge in _merges(records)]
        if people:
            hands = pass_on(self._shard, people, self._now_ms(), self._shard_of)
            await self._shard.settled()
            _log.info("persons_merged", shard=self._shard.state.number, persons=len(people), hands=hands)

    def _effect(self, records: Sequence[FeedRecord]) -> PersonsMerged | None:
        return decide_merges(self._shard.state, _merges(records), self._shard_of)


class HandSink:
    """Takes in hands of merged persons from another shard; another sink does the rest. See `FeedSink`."""

    def __init__(
        self, shard: OwnedShard, rest: FeedSink, now_ms: Callable[[], int], shard_of: ShardOf
    ) -> None:
        self._shard = shard
        self._rest = rest
        self._now_ms = now_ms
        self._shard_of = shard_of

    async def cursor(self, source: str) -> int:
        """See `FeedSink.cursor`."""
        return await self._rest.cursor(source)

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        """See `FeedSink.apply`. Raises `GameUnknown` for what is ahead of its game's preparation."""
        for record in records:
            if isinstance(record.event, events_pb2.CardsEvent):
                self._take(source, record.seq, record.event)
        await self._rest.apply(source, records)

    def _take(self, source: str, seq: int, event: events_pb2.CardsEvent) -> None:
        match event.WhichOneof("event"):
            case "hands_moved":
                take_in(
                    self._shard, FeedPosition(hands_of(source), seq), moved_from_contract(event.hands_moved)
                )
            case "hands_arrived":
                arrived = arrived_from_contract(event.hands_arrived)
                take_back(self._shard, arrived, self._now_ms(), self._shard_of)


class PeopleKeeper:
    """Looks again and again at what merged persons have: gifts still reach them, and crashes come between."""

    def __init__(
        self, shard: OwnedShard, clock: Clock, shard_of: ShardOf, *, look_ms: int, persons_max: int
    ) -> None:
        """Looks at no more than so many persons at a time, one after another, and around again."""
        self._shard = shard
        self._clock = clock
        self._shard_of = shard_of
        self._look_s = look_ms / 1000
        self._persons_max = persons_max
        self._ahead: list[PersonId] = []

    async def run(self) -> None:
        """Looks, passes on and sleeps, until cancelled."""
        while True:
            try:
                await self.look()
            except ServiceError as error:
                # The disk may be behind. What is on record is seen by the next look.
                _log.info("hands_wait", error=str(error))
            await self._clock.sleep(self._look_s)

    async def look(self) -> None:
        """Looks at the next persons."""
        self._ahead = self._ahead or list(self._shard.state.merged)
        people, self._ahead = self._ahead[: self._persons_max], self._ahead[self._persons_max :]
        if people and pass_on(self._shard, people, self._clock.now_ms(), self._shard_of):
            await self._shard.settled()


def _merges(records: Sequence[FeedRecord]) -> list[Merge]:
    # Kinds of events that came later, and records about people of other shards, are none of our business.
    told = [
        record.event.persons_merged
        for record in records
        if isinstance(record.event, identity_events_pb2.IdentityEvent)
        and record.event.HasField("persons_merged")
    ]
    return [Merge(PersonId(merged.provisional_person_id), PersonId(merged.person_id)) for merged in told]

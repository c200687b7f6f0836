"""Hosts cards shards: each owned one follows its feeds and keeps its games going."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hongbao.cards.v1 import events_pb2
from services.cards.adapters.clients import CardsPeers, SocialFriendships
from services.cards.adapters.expiry import ExpiryKeeper
from services.cards.adapters.feeds import SOCIAL_FEED, FriendSink, cards_feed, exchange_sink
from services.cards.adapters.keeper import GameKeeper
from services.cards.adapters.people import (
    PEOPLE_FEED,
    HandSink,
    IdentityPeople,
    PeopleKeeper,
    PeopleSink,
)
from services.cards.adapters.state import CardsState, HostedShard
from services.cards.adapters.supply import SupplyKeeper, SupplyKeepers
from services.cards.domain.lifecycle import GameLifecycle
from services.cards.domain.placement import owns, shard_of_person
from services.cards.domain.vocabulary import PersonId
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock
from services.mesh.feed.consumer import FeedConsumer
from services.mesh.feed.port import FeedSink, FeedSource
from services.mesh.feed.rpc import RpcFeedSource
from services.mesh.journal.port import JournalStore
from services.mesh.shards.host import Shard, ShardHost


@dataclass(frozen=True, slots=True)
class BackgroundWork:
    """What runs for a shard as long as it is owned here."""

    lifecycle: GameLifecycle
    friendships: SocialFriendships
    peers: CardsPeers
    supplies: SupplyKeepers
    clock: Clock
    settings: CardsSettings
    people: IdentityPeople | None = None
    """Where it is told who is whom; None where people are checked elsewhere."""

    async def begin(self, shard: Shard[CardsState]) -> None:
        """Starts it all; the shard ends it."""
        hosted, settings = HostedShard(shard, self.settings.snapshot_every_cards), self.settings
        keeper = GameKeeper(hosted, self.lifecycle, self.clock, settings.keeper_poll_ms)
        shard.spawn(keeper.run(), "keeper")
        expiry = ExpiryKeeper(hosted, self.clock, settings)
        shard.spawn(expiry.run(), "expiry")
        supply = SupplyKeeper(hosted, self.peers.lease, self.clock, settings)
        self.supplies.enter(shard.number, supply)
        shard.spawn(supply.run(), "supply")
        friends = FriendSink(
            hosted,
            self.supplies,
            now_ms=self.clock.now_ms,
            is_own=owns(shard.number, settings.cards_shards),
            skip_records=settings.feed_skip_records,
            cards_per_record_max=settings.friend_cards_per_record_max,
        )
        self._follow(shard, RpcFeedSource(SOCIAL_FEED, self.friendships.read_events), friends)
        for other in range(settings.cards_shards):
            if other != shard.number:
                exchanges = exchange_sink(
                    hosted,
                    skip_records=settings.feed_skip_records,
                    rows_per_record_max=settings.exchanges_per_record_max,
                )
                hands = HandSink(hosted, exchanges, self.clock.now_ms, self._shard_of)
                self._follow(shard, RpcFeedSource(cards_feed(other), self.peers.feed_of(other)), hands)
        if self.people is not None:
            self._follow_people(shard, self.people)

    def _follow_people(self, shard: Shard[CardsState], people: IdentityPeople) -> None:
        hosted, settings = HostedShard(shard, self.settings.snapshot_every_cards), self.settings
        merges = PeopleSink(
            hosted,
            self.clock.now_ms,
            self._shard_of,
            skip_records=settings.feed_skip_records,
            batch_records=settings.feed_batch_records,
        )
        self._follow(shard, RpcFeedSource(PEOPLE_FEED, people.feed_of(shard.number)), merges)
        keeper = PeopleKeeper(
            hosted,
            self.clock,
            self._shard_of,
            look_ms=settings.merged_people_look_ms,
            persons_max=settings.merged_people_per_look_max,
        )
        shard.spawn(keeper.run(), "people")

    def _shard_of(self, person_id: PersonId) -> int:
        return shard_of_person(person_id, self.settings.cards_shards)

    def _follow(self, shard: Shard[CardsState], source: FeedSource, sink: FeedSink) -> None:
        consumer = FeedConsumer(source, sink, self.clock, self.settings)
        shard.spawn(consumer.run(), source.name)


def host_cards(
    store: JournalStore,
    work: BackgroundWork,
    *,
    owner_address: Callable[[int], str | None] | None = None,
) -> ShardHost[CardsState]:
    """A host whose shards do their background work."""
    settings = work.settings
    return ShardHost(
        store,
        settings.service,
        settings.cards_shards,
        events_pb2.CardsEvent,
        CardsState,
        work.clock,
        settings,
        on_owned=work.begin,
        owner_address=owner_address,
    )

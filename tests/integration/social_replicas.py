"""Replicas of relations on one database, whose commits can be made to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from services.mesh.clock import SystemClock
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.people_moving import PeopleMover
from services.social.adapters.people_news import PeopleSink
from services.social.adapters.relations import SqlRelationStore
from services.social.adapters.remarks import RemarkSeal
from services.social.adapters.tables import schema
from services.social.domain.friendships import Friendships, other_side
from services.social.domain.ports import FriendshipEvent, Limits
from services.social.domain.relation import PersonId
from services.social.settings import SocialSettings
from tests.integration.people_databases import opened

LIMITS = Limits(friends_max=100, requests_max=100, blocked_max=100)
SEAL = RemarkSeal(bytes(32))


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of the service, with a database connection that can be made to fail."""

    friendships: Friendships
    store: SqlRelationStore
    feed: SqlFriendshipFeed
    engine: sa.Engine
    mover: PeopleMover
    sink: PeopleSink


@asynccontextmanager
async def replicas(url: str, count: int, limits: Limits = LIMITS) -> AsyncIterator[Sequence[Replica]]:
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            database = await stack.enter_async_context(opened(SocialSettings(database_url=url), schema))
            feed = SqlFriendshipFeed(database, SystemClock())
            store = SqlRelationStore(database, feed, SEAL)
            friendships = Friendships(store, SystemClock(), limits, ask_again_after_ms=0)
            mover = PeopleMover(database, feed, SystemClock(), SEAL)
            sink = PeopleSink(database, "relations", [mover.take], batch_records=1)
            made.append(Replica(friendships, store, feed, database._engine, mover, sink))
        yield made


async def whole_feed(replica: Replica) -> list[FriendshipEvent]:
    events = await replica.feed.read(0, 10_000)
    return [event for event in events if isinstance(event, FriendshipEvent)]


async def make_friends(replica: Replica, one: int, other: int) -> None:
    await replica.friendships.ask(PersonId(one), PersonId(other), "")
    await replica.friendships.accept(PersonId(other), PersonId(one), "")


async def blocked_by(replica: Replica, person: PersonId) -> set[PersonId]:
    return {other_side(known, person) for known in await replica.store.blocked(person, PersonId(0), 99)}

"""Relations and their feed on real databases: symmetric, gapless, and whole after every abort."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hongbao.identity.v1 import events_pb2 as identity
from services.mesh.clock import SystemClock
from services.mesh.database.engine import open_engine
from services.mesh.errors import ServiceError
from services.mesh.feed.port import FeedRecord
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.people_moving import PeopleMover
from services.social.adapters.people_news import PEOPLE_FEED, PeopleSink
from services.social.adapters.relations import SqlRelationStore
from services.social.adapters.remarks import RemarkSeal, remarks
from services.social.adapters.standings import _BY_VALUES
from services.social.adapters.tables import blockers, people, relations, schema
from services.social.domain.errors import BlockLimitReached, FriendLimitReached, RequestLimitReached
from services.social.domain.friendships import Friendships, other_side
from services.social.domain.people import PersonErased, PersonEvent
from services.social.domain.ports import Direction, FriendshipEvent, Limits
from services.social.domain.relation import End, PersonId, State
from services.social.settings import SocialSettings
from tests.integration.people_databases import Abort, database_url, opened

__all__ = ["database_url"]

PEOPLE = [PersonId(number) for number in range(1, 5)]
GUESTS = {PersonId(5): PersonId(1), PersonId(6): PersonId(2)}
"""Who turns out to be whom."""
MERGES = [
    FeedRecord(
        seq,
        1_000 + seq,
        "",
        identity.IdentityEvent(
            persons_merged=identity.PersonsMerged(provisional_person_id=guest, person_id=person)
        ),
    )
    for seq, (guest, person) in enumerate(GUESTS.items(), start=1)
]
SEAL = RemarkSeal(bytes(32))
LIMITS = Limits(friends_max=100, requests_max=100, blocked_max=100)


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


ACTIONS = st.tuples(
    st.sampled_from(
        ["ask", "ask", "ask", "accept", "accept", "decline", "remove", "block", "unblock", "name", "merge"]
    ),
    st.permutations([*PEOPLE, *GUESTS]).map(lambda people: people[:2]),
    st.integers(0, 1),
)
COMMITS = st.sets(st.integers(1, 8), max_size=3)


async def attempt(replica: Replica, action: str, one: PersonId, other: PersonId) -> None:
    try:
        if action == "ask":
            await replica.friendships.ask(one, other, "")
        elif action == "accept":
            await replica.friendships.accept(one, other, "")
        elif action == "decline":
            await replica.friendships.decline(one, other)
        elif action == "remove":
            await replica.friendships.remove(one, other, "")
        elif action == "block":
            await replica.friendships.block(one, other, "")
        elif action == "name":
            await replica.friendships.set_remark(one, other, f"{one} calls {other} so")
        elif action == "merge":
            await replica.sink.apply(PEOPLE_FEED, MERGES[: one % 2 + 1])
        else:
            await replica.friendships.unblock(one, other)
    except ServiceError:
        return


async def check_whole(replica: Replica) -> None:
    """What must hold at any moment when nothing is under way."""
    check = replica.friendships.check
    seen = {person: await check(person, PEOPLE) for person in PEOPLE}
    pairs = {
        (one, other)
        for one, other in itertools.combinations(PEOPLE, 2)
        if seen[one][PEOPLE.index(other)] or seen[other][PEOPLE.index(one)]
    }
    for one, other in itertools.permutations(PEOPLE, 2):
        assert seen[one][PEOPLE.index(other)] == seen[other][PEOPLE.index(one)]
    blocked = {person: await _blocked_by(replica, person) for person in PEOPLE}
    for person in PEOPLE:
        friends = {
            other_side(known, person) for known in await replica.store.friends(person, PersonId(0), 99)
        }
        assert friends == {other for pair in pairs for other in pair if person in pair} - {person}
        outgoing = await replica.store.requests(person, Direction.OUTGOING, PersonId(0), 99)
        assert all(known.state is State.PENDING and known.asking == person for known in outgoing)
        assert not blocked[person] & (friends | {other_side(known, person) for known in outgoing})
        assert await _counted(replica, person) == (len(friends), len(outgoing), len(blocked[person]))
    every_pair = list(itertools.combinations(PEOPLE, 2))
    standings = await replica.friendships.standings(
        [*every_pair, *((other, one) for one, other in every_pair)]
    )
    assert standings[: len(every_pair)] == standings[len(every_pair) :]
    for (one, other), standing in zip(every_pair, standings, strict=False):
        assert standing.are_friends == ((one, other) in pairs)
        assert standing.is_blocked == (other in blocked[one] or one in blocked[other])
    await check_feed(replica, pairs)
    names = await replica.store._database.read(
        lambda connection: connection.execute(sa.select(remarks)).all()
    )
    assert {(min(row[:2]), max(row[:2])) for row in names} <= pairs


async def check_merged(replica: Replica) -> None:
    """Nothing is left under the numbers of guests, and whoever asks under one is answered for the person."""

    def unit(connection: sa.Connection) -> list[int]:
        columns = (
            *(relations.c.low_person_id, relations.c.high_person_id),
            *(remarks.c.person_id, remarks.c.friend_person_id),
        )
        return [row[0] for column in columns for row in connection.execute(sa.select(column))]

    assert not set(await replica.store._database.read(unit)) & GUESTS.keys()
    for guest, person in GUESTS.items():
        assert await _counted(replica, guest) == (0, 0, 0)
        others = [other for other in PEOPLE if other != person]
        assert await replica.friendships.check(guest, others) == await replica.friendships.check(
            person, others
        )


async def check_feed(replica: Replica, pairs: set[tuple[PersonId, PersonId]]) -> None:
    """The feed has no gaps, alternates for every pair, and its sum is who are friends now."""
    events = await whole_feed(replica)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    friends = set[tuple[PersonId, PersonId]]()
    for event in events:
        pair = (event.pair.low, event.pair.high)
        assert (event.end is None) == (pair not in friends)
        friends ^= {pair}
    assert friends == pairs
    assert await replica.feed.last_seq() == len(events)


async def _blocked_by(replica: Replica, person: PersonId) -> set[PersonId]:
    return {other_side(known, person) for known in await replica.store.blocked(person, PersonId(0), 99)}


async def _counted(replica: Replica, person: PersonId) -> tuple[int, int, int]:
    """Friends, requests out and blocked people, as the counters say; who has no counter has none."""

    def unit(connection: sa.Connection) -> tuple[int, int, int]:
        counted = sa.select(people.c.friends, people.c.requests).where(people.c.person_id == person)
        row = connection.execute(counted).first()
        blocked = connection.execute(sa.select(blockers.c.blocked).where(blockers.c.person_id == person))
        return (*((0, 0) if row is None else (row.friends, row.requests)), blocked.scalar() or 0)

    return await replica.store._database.read(unit)


@settings(max_examples=20, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=14), COMMITS, COMMITS)
def test_relations_are_symmetric_and_the_feed_gapless_whatever_is_done_and_aborted(
    actions: list[tuple[str, list[PersonId], int]], before: set[int], after: set[int]
) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with replicas(f"sqlite:{folder}", 2) as pair:
                Abort(pair[0].engine, before, after)
                await asyncio.gather(
                    *(attempt(pair[which], action, one, other) for action, (one, other), which in actions)
                )
                for replica in pair:
                    await replica.sink.apply(PEOPLE_FEED, MERGES)
                await check_whole(pair[1])
                await check_merged(pair[1])

    asyncio.run(play())


async def test_two_replicas_that_work_at_once_keep_everything_whole(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        Abort(pair[0].engine, before={2}, after={4})
        ways = ("ask", "accept", "remove", "block", "unblock", "ask", "decline", "accept", "ask")
        actions = list(itertools.product(ways, itertools.permutations(PEOPLE, 2)))
        await asyncio.gather(
            *(attempt(pair[turn % 2], action, *who) for turn, (action, who) in enumerate(actions))
        )
        await check_whole(pair[0])
        # After all blocks were taken back everybody can ask everybody, and is their friend then.
        for way in ("unblock", "ask"):
            await asyncio.gather(*(attempt(pair[0], way, *who) for who in itertools.permutations(PEOPLE, 2)))
        await check_whole(pair[1])
        assert len(await pair[0].store.friends(PEOPLE[0], PersonId(0), 99)) == len(PEOPLE) - 1


async def test_what_a_merged_person_has_moves_whatever_others_do_meanwhile(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        Abort(pair[0].engine, before={3}, after={5})
        everybody = [*PEOPLE, *GUESTS]
        actions = [
            (action, who) for who in itertools.permutations(everybody, 2) for action in ("ask", "name")
        ]
        actions[20:20] = [("merge", (PEOPLE[0], PEOPLE[1])), ("merge", (PEOPLE[0], PEOPLE[1]))]
        await asyncio.gather(
            *(attempt(pair[turn % 2], action, *who) for turn, (action, who) in enumerate(actions))
        )
        await pair[0].sink.apply(PEOPLE_FEED, MERGES)
        await pair[1].mover.look_again(0, 10)
        await check_whole(pair[0])
        await check_merged(pair[1])
        # Everybody asked everybody, under whatever number.
        assert len(await pair[0].store.friends(PEOPLE[0], PersonId(0), 99)) == len(PEOPLE) - 1


async def test_a_merge_is_told_takes_names_along_and_may_pass_limits(database_url: str) -> None:
    async with replicas(database_url, 1, Limits(friends_max=2, requests_max=9, blocked_max=9)) as (replica,):
        for one, other in ((5, 3), (5, 4), (1, 2), (1, 5)):
            await attempt(replica, "ask", PersonId(one), PersonId(other))
            await attempt(replica, "accept", PersonId(other), PersonId(one))
        await replica.friendships.ask(PersonId(5), PersonId(8), "")
        await replica.friendships.block(PersonId(5), PersonId(9), "")
        await replica.friendships.set_remark(PersonId(5), PersonId(3), "小三")
        await replica.friendships.set_remark(PersonId(3), PersonId(5), "小五")
        await replica.sink.apply(PEOPLE_FEED, MERGES[:1])

        page = await replica.friendships.friends(PersonId(1), 10, "")
        assert [other_side(known, PersonId(1)) for known in page.relations] == [2, 3, 4]
        assert page.remarks == {3: "小三"}
        assert (await replica.friendships.friends(PersonId(3), 10, "")).remarks == {1: "小五"}
        assert await _counted(replica, PersonId(1)) == (3, 1, 1)
        told = [
            (event.pair.low, event.pair.high, event.end, event.by_merge)
            for event in (await whole_feed(replica))[3:]
        ]
        assert told == [
            (3, 5, End.MERGED, False),
            (1, 3, None, True),
            (4, 5, End.MERGED, False),
            (1, 4, None, True),
        ]
        assert await replica.friendships.check(PersonId(5), [PersonId(3), PersonId(2)]) == [True, True]


async def test_what_is_said_of_an_erased_person_goes(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        for other in (2, 3):
            await make_friends(replica, 1, other)
            await replica.friendships.set_remark(PersonId(1), PersonId(other), "同学")
            await replica.friendships.set_remark(PersonId(other), PersonId(1), "同桌")
        await replica.friendships.ask(PersonId(2), PersonId(3), "")
        event = PersonEvent(1, 5, "", PersonErased(PersonId(1)))
        await replica.store._database.write(lambda connection: replica.mover.take(connection, event))
        for person in (1, 2, 3):
            assert (await replica.friendships.friends(PersonId(person), 10, "")).remarks == {}


async def test_a_reader_never_skips_an_event_of_concurrent_writers(database_url: str) -> None:
    async with replicas(database_url, 3) as (reader, *writers):
        work = asyncio.gather(
            *(make_friends(writers[turn % 2], 100 + turn, 200 + turn) for turn in range(60))
        )
        seen: list[int] = []
        async with asyncio.timeout(30):
            while len(seen) < 60:
                found = await reader.feed.read(seen[-1] if seen else 0, 7)
                seen.extend(event.seq for event in found)
                # What was not there yet when a later number was read must never turn up below it.
                assert seen == list(range(1, len(seen) + 1))
        await work


async def test_a_reader_in_the_same_process_is_woken(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        waiting = asyncio.ensure_future(replica.feed.wait_beyond(0, timeout_s=60))
        await make_friends(replica, 1, 2)
        await asyncio.wait_for(waiting, 10)
        await asyncio.wait_for(replica.feed.wait_beyond(0, timeout_s=60), 10)


async def test_limits_hold_for_requests_made_at_once(database_url: str) -> None:
    async with replicas(database_url, 2, Limits(friends_max=3, requests_max=4, blocked_max=5)) as pair:
        asked = await asyncio.gather(
            *(pair[turn % 2].friendships.ask(PersonId(1), PersonId(10 + turn), "") for turn in range(10)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, RequestLimitReached) for answer in asked) == 6
        for turn in range(10):
            await pair[0].friendships.ask(PersonId(30 + turn), PersonId(2), "")
        accepted = await asyncio.gather(
            *(pair[turn % 2].friendships.accept(PersonId(2), PersonId(30 + turn), "") for turn in range(10)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, FriendLimitReached) for answer in accepted) == 7
        assert len(await whole_feed(pair[0])) == 3


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_pages_together_are_the_whole_list(size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    async with replicas(f"sqlite:{tmp_path_factory.mktemp('pages')}", 1) as (replica,):
        others = [3, 4, 5, 7, 8, 2**63 - 1]
        for other in others:
            await make_friends(replica, 6, other)
        listed: list[int] = []
        token = ""
        while True:
            page = await replica.friendships.friends(PersonId(6), size, token)
            listed += [other_side(known, PersonId(6)) for known in page.relations]
            token = page.next_page_token
            if not token:
                break
        assert listed == others


async def test_relations_outlive_the_process(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        await make_friends(replica, 1, 2)
    async with replicas(database_url, 1) as (replica,):
        assert await replica.friendships.check(PersonId(2), [PersonId(1)]) == [True]
        assert [event.trace_context for event in await whole_feed(replica)] == [""]


async def test_the_limit_of_blocked_people_holds_for_blocks_made_at_once(database_url: str) -> None:
    async with replicas(database_url, 2, Limits(friends_max=3, requests_max=4, blocked_max=5)) as pair:
        blocked = await asyncio.gather(
            *(pair[turn % 2].friendships.block(PersonId(1), PersonId(10 + turn), "") for turn in range(8)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, BlockLimitReached) for answer in blocked) == 3
        assert len(await _blocked_by(pair[0], PersonId(1))) == 5


async def test_pages_of_blocked_people_together_are_the_whole_list(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        await make_friends(replica, 6, 7)
        for other in (9, 1, 7, 5):
            await replica.friendships.block(PersonId(6), PersonId(other), "")
        # Who is blocked by others, by both, or was declined before, is told apart.
        await replica.friendships.block(PersonId(8), PersonId(6), "")
        await replica.friendships.block(PersonId(9), PersonId(6), "")
        await replica.friendships.ask(PersonId(6), PersonId(2), "")
        await replica.friendships.decline(PersonId(2), PersonId(6))
        await replica.friendships.block(PersonId(6), PersonId(2), "")
        listed, token = list[int](), ""
        while len(listed) < 9:
            page = await replica.friendships.blocked(PersonId(6), 2, token)
            listed += [other_side(known, PersonId(6)) for known in page.relations]
            token = page.next_page_token
            if not token:
                break
        assert listed == [1, 2, 5, 7, 9]


async def test_a_thousand_pairs_are_looked_at_together(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        await make_friends(replica, 1, 2)
        await make_friends(replica, 2, 1024)
        await replica.friendships.block(PersonId(2000), PersonId(2), "")
        pairs = [(PersonId(2), PersonId(other)) for other in (*range(1, 1024), 2000)]
        standings = await replica.friendships.standings(pairs)
        assert [pairs[place][1] for place, standing in enumerate(standings) if standing.are_friends] == [1]
        assert [pairs[place][1] for place, standing in enumerate(standings) if standing.is_blocked] == [2000]


async def test_looking_at_pairs_reads_no_relation_that_was_not_asked_for(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        with replica.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {_BY_VALUES[8]}", (1, 2) * 8)
            steps = [step.detail for step in plan if "known" in step.detail]
    assert steps == ["SEARCH known USING PRIMARY KEY (low_person_id=? AND high_person_id=?)"]


FIRST_RELEASE = """
CREATE TABLE social_relations (
  low_person_id BIGINT NOT NULL, high_person_id BIGINT NOT NULL, state SMALLINT NOT NULL,
  asking_person_id BIGINT NOT NULL, both_asked BOOLEAN NOT NULL, changed_ms BIGINT NOT NULL,
  PRIMARY KEY (low_person_id, high_person_id));
CREATE TABLE social_people (person_id INTEGER NOT NULL PRIMARY KEY, friends INTEGER NOT NULL,
  requests INTEGER NOT NULL);
CREATE TABLE social_events (seq INTEGER NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL,
  trace_context VARCHAR(64) NOT NULL, low_person_id BIGINT NOT NULL, high_person_id BIGINT NOT NULL,
  asking_person_id BIGINT NOT NULL);
CREATE TABLE social_feed_head (feed SMALLINT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL);
INSERT INTO social_relations VALUES (1, 2, 2, 2, '0', 5), (1, 3, 1, 3, '0', 6), (1, 4, 3, 1, '0', 7);
INSERT INTO social_people VALUES (1, 1, 0), (2, 1, 0), (3, 0, 1);
INSERT INTO social_events VALUES (1, 5, '', 1, 2, 2);
INSERT INTO social_feed_head VALUES (0, 1)
"""


async def test_a_database_from_before_there_were_blocks_serves_as_it_is(database_url: str) -> None:
    opening = SocialSettings(database_url=database_url)
    engine = open_engine(database_url, opening.service, connections=1, busy_timeout_ms=1000)
    with engine.begin() as connection:
        for statement in FIRST_RELEASE.split(";"):
            connection.exec_driver_sql(statement)
    engine.dispose()
    async with replicas(database_url, 1) as (replica,):
        await check_whole(replica)
        await replica.friendships.block(PersonId(2), PersonId(1), "")
        await replica.friendships.accept(PersonId(1), PersonId(3), "")
        await replica.friendships.remove(PersonId(1), PersonId(3), "")
        await check_whole(replica)
        ends = [event.end for event in await whole_feed(replica)]
        assert ends == [None, End.BLOCKED, None, End.REMOVED]

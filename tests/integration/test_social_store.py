"""Relations and their feed on real databases: symmetric, gapless, and whole after every abort."""

from __future__ import annotations

import asyncio
import itertools
import tempfile

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hongbao.identity.v1 import events_pb2 as identity
from services.mesh.database.engine import open_engine
from services.mesh.errors import ServiceError
from services.mesh.feed.port import FeedRecord
from services.social.adapters.people_news import PEOPLE_FEED
from services.social.adapters.remarks import remarks
from services.social.adapters.tables import blockers, people, relations
from services.social.domain.friendships import other_side
from services.social.domain.people import PersonErased, PersonEvent
from services.social.domain.ports import Direction, Limits
from services.social.domain.relation import End, PersonId, State
from services.social.settings import SocialSettings
from tests.integration.people_databases import Abort, database_url
from tests.integration.social_replicas import Replica, blocked_by, make_friends, replicas, whole_feed

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
    blocked = {person: await blocked_by(replica, person) for person in PEOPLE}
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


async def test_relations_outlive_the_process(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        await make_friends(replica, 1, 2)
    async with replicas(database_url, 1) as (replica,):
        assert await replica.friendships.check(PersonId(2), [PersonId(1)]) == [True]
        assert [event.trace_context for event in await whole_feed(replica)] == [""]


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

"""Groups on real databases: whole after every abort, with members, owners and counters in step."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mesh.clock import SystemClock
from services.mesh.database.database import Database
from services.mesh.errors import ServiceError
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.group_tables import admins, invitations
from services.social.adapters.groups import SqlGroupStore
from services.social.adapters.people_moving import PeopleMover
from services.social.adapters.relations import SqlRelationStore
from services.social.adapters.remarks import RemarkSeal
from services.social.adapters.tables import group_people, groups, members, schema
from services.social.domain.errors import GroupFull, GroupLimitReached, RequestIdReused
from services.social.domain.friendships import Friendships
from services.social.domain.group import Answer, GroupId, Role
from services.social.domain.groups import Groups
from services.social.domain.people import PersonEvent, PersonsMerged
from services.social.domain.ports import GroupLimits, Limits
from services.social.domain.relation import PersonId
from services.social.settings import SocialSettings
from tests.integration.people_databases import Abort, database_url, opened
from tests.integration.same_moment import waits_for

__all__ = ["database_url"]

Rows = Sequence[Any]

PEOPLE = [PersonId(number) for number in range(1, 6)]
REQUEST_IDS = [str(uuid.UUID(int=number)) for number in range(3)]


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of the service, with a database connection that can be made to fail."""

    groups: Groups
    friendships: Friendships
    database: Database

    @property
    def engine(self) -> sa.Engine:
        return self.database._engine

    async def befriend(self, one: PersonId, other: PersonId) -> None:
        await self.friendships.ask(one, other, "")
        await self.friendships.accept(other, one, "")


@asynccontextmanager
async def replicas(url: str, count: int, limits: GroupLimits) -> AsyncIterator[Sequence[Replica]]:
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            database = await stack.enter_async_context(opened(SocialSettings(database_url=url), schema))
            relations = SqlRelationStore(
                database, SqlFriendshipFeed(database, SystemClock()), RemarkSeal(bytes(32))
            )
            friendships = Friendships(relations, SystemClock(), Limits(99, 99, 99), ask_again_after_ms=0)
            made.append(
                Replica(Groups(SqlGroupStore(database), SystemClock(), limits), friendships, database)
            )
        yield made


async def check_whole(replica: Replica, limits: GroupLimits) -> None:
    """What must hold at any moment when nothing is under way."""

    def unit(connection: sa.Connection) -> tuple[Rows, Rows, Rows, Rows, Rows]:
        return (
            connection.execute(sa.select(groups)).all(),
            connection.execute(sa.select(members.c.group_id, members.c.person_id)).all(),
            connection.execute(sa.select(group_people)).all(),
            connection.execute(sa.select(admins)).all(),
            connection.execute(sa.select(invitations)).all(),
        )

    kept, inside, counted, leading, invited = await replica.database.read(unit)
    places = {(row.group_id, row.person_id) for row in inside}
    # Admins are members and not owners; who is in is not invited.
    assert {(row.group_id, row.person_id) for row in leading} <= places
    assert not {(row.group_id, row.person_id) for row in leading} & {
        (group.group_id, group.owner_person_id) for group in kept
    }
    assert not {(row.group_id, row.person_id) for row in invited} & places
    for group in kept:
        waiting = [row for row in invited if row.group_id == group.group_id and row.answer == Answer.OPEN]
        assert len(waiting) <= limits.invitations_max
    for group in kept:
        people = {row.person_id for row in inside if row.group_id == group.group_id}
        assert len(people) == group.member_count <= limits.members_max
        assert group.owner_person_id in (people or {0})
        assert await replica.groups.check(GroupId(group.group_id), PEOPLE) == [
            person in people for person in PEOPLE
        ]
    assert {row.group_id for row in inside} <= {group.group_id for group in kept}
    totals = {row.person_id: row.groups for row in counted}
    for person in PEOPLE:
        own = {row.group_id for row in inside if row.person_id == person}
        assert len(own) == totals.get(person, 0) <= limits.groups_max
        page = await replica.groups.of_person(person, 100, "")
        assert {known.group.group_id for known in page.memberships} == own


ACTIONS = st.tuples(
    st.sampled_from(
        [
            "create",
            "add",
            "add",
            "remove",
            "leave",
            "invite",
            "accept",
            "accept",
            "decline",
            "lead",
            "hand over",
        ]
    ),
    st.sampled_from(REQUEST_IDS),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.integers(0, 1),
)
COMMITS = st.sets(st.integers(1, 10), max_size=3)
TIGHT = GroupLimits(members_max=4, groups_max=2, invitations_max=2, invitation_ms=60_000)


async def attempt(
    groups: Groups, action: str, group_id: GroupId, request_id: str, one: PersonId, other: PersonId
) -> None:
    deeds: dict[str, Callable[[], Awaitable[object]]] = {
        "create": lambda: groups.create(one, [other], request_id),
        "add": lambda: groups.add(group_id, one, other),
        "remove": lambda: groups.remove(group_id, one, other),
        "leave": lambda: groups.leave(group_id, one),
        "invite": lambda: groups.invite(group_id, one, other),
        "accept": lambda: groups.accept(group_id, one),
        "decline": lambda: groups.decline(group_id, one),
        "lead": lambda: groups.set_role(group_id, one, other, Role.ADMIN),
        "hand over": lambda: groups.hand_over(group_id, one, other),
    }
    try:
        await deeds[action]()
    except ServiceError:
        return


@settings(max_examples=20, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=16), COMMITS, COMMITS)
def test_groups_are_whole_whatever_is_done_and_aborted(
    actions: list[tuple[str, str, PersonId, PersonId, int]], before: set[int], after: set[int]
) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with replicas(f"sqlite:{folder}", 2, TIGHT) as pair:
                # Everybody is a friend of the one before and after.
                for one, other in itertools.pairwise(PEOPLE):
                    await pair[0].befriend(one, other)
                created = [
                    await pair[0].groups.create(PEOPLE[2], [PEOPLE[1]], request_id)
                    for request_id in REQUEST_IDS[: TIGHT.groups_max]
                ]
                Abort(pair[0].engine, before, after)
                await asyncio.gather(
                    *(
                        attempt(
                            pair[which].groups,
                            action,
                            created[turn % 2].group_id,
                            request_id,
                            one,
                            other,
                        )
                        for turn, (action, request_id, one, other, which) in enumerate(actions)
                    )
                )
                await check_whole(pair[1], TIGHT)

    asyncio.run(play())


async def test_a_group_created_by_several_at_once_is_one_group(database_url: str) -> None:
    limits = GroupLimits(members_max=5, groups_max=5, invitations_max=2, invitation_ms=60_000)
    async with replicas(database_url, 2, limits) as pair:
        await pair[0].befriend(PEOPLE[0], PEOPLE[1])
        Abort(pair[0].engine, before={1}, after={3})
        made = await asyncio.gather(
            *(pair[turn % 2].groups.create(PEOPLE[0], [PEOPLE[1]], REQUEST_IDS[0]) for turn in range(10))
        )
        assert len(set(made)) == 1
        with pytest.raises(RequestIdReused):
            await pair[1].groups.create(PEOPLE[0], [], REQUEST_IDS[0])
        await check_whole(pair[1], limits)


async def test_limits_hold_for_additions_made_at_once(database_url: str) -> None:
    limits = GroupLimits(members_max=4, groups_max=2, invitations_max=2, invitation_ms=60_000)
    owner, friends = PersonId(50), [PersonId(60 + turn) for turn in range(8)]
    async with replicas(database_url, 2, limits) as pair:
        await asyncio.gather(*(pair[0].befriend(owner, friend) for friend in friends))
        created = [await pair[0].groups.create(owner, [], request_id) for request_id in REQUEST_IDS[:2]]
        added = await asyncio.gather(
            *(
                pair[turn % 2].groups.add(created[0].group_id, owner, friend)
                for turn, friend in enumerate(friends)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, GroupFull) for answer in added) == len(friends) - 3
        with pytest.raises(GroupLimitReached):
            await pair[1].groups.create(owner, [], REQUEST_IDS[2])
        await check_whole(pair[0], limits)


async def test_groups_outlive_the_process(database_url: str) -> None:
    limits = GroupLimits(members_max=4, groups_max=2, invitations_max=2, invitation_ms=60_000)
    async with replicas(database_url, 1, limits) as (replica,):
        created = await replica.groups.create(PEOPLE[0], [], REQUEST_IDS[0])
    async with replicas(database_url, 1, limits) as (replica,):
        page = await replica.groups.members(created.group_id, PEOPLE[0], 0, "")
        assert [member.person for member in page.members] == [PEOPLE[0]]
        assert page.group == created


async def test_a_merged_person_is_in_their_groups_once_and_keeps_the_greater_role(database_url: str) -> None:
    limits = GroupLimits(members_max=5, groups_max=3, invitations_max=5, invitation_ms=60_000)
    guest, person, friend = PersonId(9), PEOPLE[0], PEOPLE[1]
    async with replicas(database_url, 1, limits) as (replica,):
        for one, other in ((guest, friend), (person, friend), (guest, person)):
            await replica.befriend(one, other)
        both = await replica.groups.create(guest, [friend, person], REQUEST_IDS[0])
        led = await replica.groups.create(friend, [guest], REQUEST_IDS[1])
        await replica.groups.set_role(led.group_id, friend, guest, Role.ADMIN)
        asked = await replica.groups.create(friend, [], REQUEST_IDS[2])
        await replica.groups.invite(asked.group_id, friend, guest)
        own = await replica.groups.create(person, [], str(uuid.UUID(int=7)))

        feed = SqlFriendshipFeed(replica.database, SystemClock())
        mover = PeopleMover(replica.database, feed, SystemClock(), RemarkSeal(bytes(32)))
        merge = PersonEvent(1, 5, "", PersonsMerged(guest, person))
        await replica.database.write(lambda connection: mover.take(connection, merge))

        memberships = (await replica.groups.of_person(person, 10, "")).memberships
        assert {known.group.group_id: (known.role, known.group.member_count) for known in memberships} == {
            both.group_id: (Role.OWNER, 2),
            led.group_id: (Role.ADMIN, 2),
            own.group_id: (Role.OWNER, 1),
        }
        assert await replica.groups.check(both.group_id, [guest, person, PersonId(77)]) == [True, True, False]
        assert not (await replica.groups.of_person(guest, 10, "")).memberships
        (waiting,) = (await replica.groups.invitations(person, 10, "")).invitations
        assert waiting.group.group_id == asked.group_id
        # Whatever comes under the earlier number is the person's doing.
        await replica.groups.leave(led.group_id, guest)
        assert await replica.groups.check(led.group_id, [person]) == [False]


async def test_an_admin_follows_an_owner_who_leaves_before_others_do(database_url: str) -> None:
    limits = GroupLimits(members_max=5, groups_max=2, invitations_max=5, invitation_ms=60_000)
    async with replicas(database_url, 1, limits) as (replica,):
        for other in PEOPLE[1:3]:
            await replica.befriend(PEOPLE[0], other)
        group = await replica.groups.create(PEOPLE[0], PEOPLE[1:3], REQUEST_IDS[0])
        await replica.groups.set_role(group.group_id, PEOPLE[0], PEOPLE[2], Role.ADMIN)
        await replica.groups.leave(group.group_id, PEOPLE[0])
        page = await replica.groups.members(group.group_id, PEOPLE[1], 10, "")
        assert [(member.person, member.role) for member in page.members] == [
            (PEOPLE[1], Role.MEMBER),
            (PEOPLE[2], Role.OWNER),
        ]


async def test_what_ends_while_a_person_is_merged_stays_ended(postgres_url: str) -> None:
    limits = GroupLimits(members_max=5, groups_max=2, invitations_max=5, invitation_ms=60_000)
    friend, person, guests = PEOPLE[0], PEOPLE[1], PEOPLE[2:4]
    async with replicas(postgres_url, 2, limits) as (one, other):
        feed = SqlFriendshipFeed(other.database, SystemClock())
        mover = PeopleMover(other.database, feed, SystemClock(), RemarkSeal(bytes(32)))
        for guest in guests:
            await one.befriend(friend, guest)
        group = await one.groups.create(friend, [guests[1]], REQUEST_IDS[0])
        await one.friendships.remove(friend, guests[1], "")
        endings = (
            partial(one.friendships.remove, friend, guests[0], ""),
            partial(one.groups.leave, group.group_id, guests[1]),
        )
        for guest, end in zip(guests, endings, strict=True):
            event = PersonEvent(1, 0, "", PersonsMerged(guest, person))
            merge = partial(other.database.write, partial(mover.take, event=event))
            assert await waits_for(merge, one.database, end)
        assert await other.friendships.check(person, [friend, *guests]) == [False] * 3
        assert await other.groups.check(group.group_id, [person, *guests]) == [False] * 3
        await check_whole(one, limits)
        await one.befriend(friend, person)

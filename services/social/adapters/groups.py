"""Groups in SQL; counters of groups and of people change in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.social.adapters.relations import friends_among
from services.social.adapters.tables import group_people, groups, members
from services.social.domain import group as rules
from services.social.domain.errors import GroupLimitReached, GroupUnknown, RequestIdReused
from services.social.domain.group import NOBODY, Group, GroupId, Member, Membership, Move, Sight
from services.social.domain.ports import GroupLimits, MembersFound, Placement
from services.social.domain.relation import PersonId


class SqlGroupStore:
    """`GroupStore` over a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, new: Group, everybody: Sequence[PersonId], request_id: str, limits: GroupLimits
    ) -> Group:
        """See `GroupStore.create`."""
        digest = rules.digest_of(everybody)

        def unit(connection: sa.Connection) -> Group:
            row = _GROUP.first(connection, {"group": new.group_id})
            if row is not None:
                if (row.creator_person_id, bytes(row.members_digest)) != (new.owner, digest):
                    raise RequestIdReused(request_id)
                return _group(row)
            friends = friends_among(connection, new.owner, everybody)
            rules.check_new(new.owner, everybody, friends, limits.members_max)
            # Another replica may insert the same group now: the key stops one, which then runs again.
            _INSERT_GROUP.run(
                connection,
                {
                    "group_id": new.group_id,
                    "owner_person_id": new.owner,
                    "member_count": new.member_count,
                    "created_ms": new.created_ms,
                    "creator_person_id": new.owner,
                    "members_digest": digest,
                },
            )
            # By rising id, so that two transactions do not wait for each other.
            for person in everybody:
                _come_in(connection, new.group_id, person, new.created_ms, limits)
            return new

        return await self._database.write(unit)

    async def change(
        self,
        group_id: GroupId,
        acting: PersonId,
        person: PersonId,
        decide: Placement,
        now_ms: int,
        limits: GroupLimits,
    ) -> int | None:
        """See `GroupStore.change`."""

        def unit(connection: sa.Connection) -> int | None:
            row = _LOCK.first(connection, {"group": group_id})
            if row is None:
                raise GroupUnknown(group_id)
            group, since_ms = _group(row), _since(connection, group_id, person)
            sight = Sight(
                group=group,
                acting_is_member=_since(connection, group_id, acting) is not None,
                are_friends=person in friends_among(connection, acting, [person]),
                is_member=since_ms is not None,
            )
            move = decide(sight)
            if move is Move.COME_IN:
                _come_in(connection, group_id, person, now_ms, limits)
                _update(connection, replace(group, member_count=group.member_count + 1))
                return now_ms
            if move is Move.GO_OUT:
                _go_out(connection, group, person)
                return None
            return since_ms

        return await self._database.write(unit)

    async def members(
        self, group_id: GroupId, asking: PersonId, after: PersonId, limit: int
    ) -> MembersFound | None:
        """See `GroupStore.members`."""

        def unit(connection: sa.Connection) -> MembersFound | None:
            row = _GROUP.first(connection, {"group": group_id})
            if row is None:
                return None
            found = _MEMBERS.rows(connection, {"group": group_id, "after": after, "limit": limit})
            return MembersFound(
                _group(row),
                asking_is_member=_since(connection, group_id, asking) is not None,
                members=[Member(PersonId(member.person_id), member.since_ms) for member in found],
            )

        return await self._database.read(unit)

    async def groups_of(self, person: PersonId, after: GroupId, limit: int) -> Sequence[Membership]:
        """See `GroupStore.groups_of`."""

        def unit(connection: sa.Connection) -> list[Membership]:
            rows = _GROUPS_OF.rows(connection, {"person": person, "after": after, "limit": limit})
            return [Membership(_group(row), row.since_ms) for row in rows]

        return await self._database.read(unit)

    async def members_among(self, group_id: GroupId, people: Sequence[PersonId]) -> frozenset[PersonId]:
        """See `GroupStore.members_among`."""
        parameters = {"group": group_id, "people": sorted(set(people))}

        def unit(connection: sa.Connection) -> frozenset[PersonId]:
            return frozenset(PersonId(found) for (found,) in connection.execute(_AMONG, parameters))

        return await self._database.read(unit)


def _come_in(
    connection: sa.Connection, group_id: GroupId, person: PersonId, now_ms: int, limits: GroupLimits
) -> None:
    _INSERT_MEMBER.run(connection, {"group_id": group_id, "person_id": person, "since_ms": now_ms})
    total = _TOTALS.execute(connection, {"person_id": person, "groups": 1})
    if total.groups > limits.groups_max:
        raise GroupLimitReached(person, limits.groups_max)


def _go_out(connection: sa.Connection, group: Group, person: PersonId) -> None:
    _DELETE_MEMBER.run(connection, {"group": group.group_id, "person": person})
    _TOTALS.execute(connection, {"person_id": person, "groups": -1})
    owner = group.owner
    if person == owner:
        eldest = _ELDEST.first(connection, {"group": group.group_id})
        owner = NOBODY if eldest is None else PersonId(eldest.person_id)
    _update(connection, replace(group, owner=owner, member_count=group.member_count - 1))


def _update(connection: sa.Connection, group: Group) -> None:
    _UPDATE_GROUP.run(
        connection,
        {"group": group.group_id, "owner_person_id": group.owner, "member_count": group.member_count},
    )


def _since(connection: sa.Connection, group_id: GroupId, person: PersonId) -> int | None:
    row = _MEMBER.first(connection, {"group": group_id, "person": person})
    return None if row is None else int(row.since_ms)


def _group(row: Row) -> Group:
    return Group(GroupId(row.group_id), PersonId(row.owner_person_id), row.member_count, row.created_ms)


_this_group = groups.c.group_id == bindparam("group")
_of_this_group = members.c.group_id == bindparam("group")
_this_member = sa.and_(_of_this_group, members.c.person_id == bindparam("person"))
_GROUP = Statement(sa.select(groups).where(_this_group))
_LOCK = Statement(sa.select(groups).where(_this_group).with_for_update())
_INSERT_GROUP = Statement(groups.insert())
_UPDATE_GROUP = Statement(groups.update().where(_this_group))
_MEMBER = Statement(sa.select(members.c.since_ms).where(_this_member))
_INSERT_MEMBER = Statement(members.insert())
_DELETE_MEMBER = Statement(members.delete().where(_this_member))
_MEMBERS = Statement(
    sa.select(members.c.person_id, members.c.since_ms)
    .where(_of_this_group, members.c.person_id > bindparam("after"))
    .order_by(members.c.person_id)
    .limit(bindparam("limit"))
)
_ELDEST = Statement(
    sa.select(members.c.person_id)
    .where(_of_this_group)
    .order_by(members.c.since_ms, members.c.person_id)
    .limit(1)
)
_GROUPS_OF = Statement(
    sa.select(groups, members.c.since_ms)
    .join(members, members.c.group_id == groups.c.group_id)
    .where(members.c.person_id == bindparam("person"), members.c.group_id > bindparam("after"))
    .order_by(members.c.group_id)
    .limit(bindparam("limit"))
)
_AMONG = sa.select(members.c.person_id).where(
    _of_this_group, members.c.person_id.in_(bindparam("people", expanding=True))
)
_TOTALS = InsertOrAdd(group_people)

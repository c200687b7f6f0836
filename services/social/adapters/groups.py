"""Groups in SQL; counters of groups and of people change in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.social.adapters import group_rows as rows
from services.social.adapters.changes import Changes
from services.social.adapters.group_tables import admins, invitations
from services.social.adapters.merges import now_of, two_now
from services.social.adapters.relations import friends_among
from services.social.adapters.tables import groups, members
from services.social.domain import group as rules
from services.social.domain.errors import GroupUnknown, RequestIdReused
from services.social.domain.group import (
    Answer,
    Group,
    GroupId,
    Invitation,
    Invited,
    Member,
    Membership,
    Move,
    Role,
    Sight,
)
from services.social.domain.ports import GroupLimits, MembersFound, Place, Placement
from services.social.domain.relation import PersonId


class SqlGroupStore:
    """`GroupStore` over a `Database`."""

    def __init__(self, database: Database, changes: Changes | None = None) -> None:
        self._database = database
        self._changes = changes or Changes()

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
                return rows.group_of(row)
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
                rows.come_in(connection, new.group_id, person, new.created_ms, limits.groups_max)
            return new

        group = await self._database.write(unit)
        self._changes.group(group.group_id)
        return group

    async def change(
        self,
        group_id: GroupId,
        acting: PersonId,
        person: PersonId,
        decide: Placement,
        now_ms: int,
        limits: GroupLimits,
    ) -> Place:
        """See `GroupStore.change`."""

        def unit(connection: sa.Connection) -> Place:
            group = rows.locked_group(connection, group_id)
            if group is None:
                raise GroupUnknown(group_id)
            me, them = two_now(connection, acting, person)
            sight = _sight(connection, group, me, them, now_ms)
            _do(connection, decide(sight, me, them), sight, (me, them), now_ms, limits)
            return Place(
                rows.since_of(connection, group_id, them),
                rows.invitation_of(connection, group_id, them, now_ms),
            )

        place = await self._database.write(unit)
        self._changes.group(group_id)
        return place

    async def members(
        self, group_id: GroupId, asking: PersonId, after: PersonId, limit: int
    ) -> MembersFound | None:
        """See `GroupStore.members`."""

        def unit(connection: sa.Connection) -> MembersFound | None:
            row = _GROUP.first(connection, {"group": group_id})
            if row is None:
                return None
            group = rows.group_of(row)
            found = _MEMBERS.rows(connection, {"group": group_id, "after": after, "limit": limit})
            return MembersFound(
                group,
                asking_is_member=rows.since_of(connection, group_id, asking) is not None,
                members=[
                    Member(PersonId(member.person_id), member.since_ms, _role(group, member))
                    for member in found
                ],
            )

        return await self._database.read(unit)

    async def groups_of(self, person: PersonId, after: GroupId, limit: int) -> Sequence[Membership]:
        """See `GroupStore.groups_of`."""

        def unit(connection: sa.Connection) -> list[Membership]:
            found = _GROUPS_OF.rows(connection, {"person": person, "after": after, "limit": limit})
            known = ((rows.group_of(row), row) for row in found)
            return [Membership(group, row.since_ms, _role(group, row)) for group, row in known]

        return await self._database.read(unit)

    async def invitations(
        self, person: PersonId, after: GroupId, limit: int, now_ms: int
    ) -> Sequence[Invited]:
        """See `GroupStore.invitations`."""
        wanted = {"person": person, "after": after, "limit": limit, "now_ms": now_ms}

        def unit(connection: sa.Connection) -> list[Invited]:
            found = _INVITED.rows(connection, wanted)
            now = now_of(connection, {PersonId(row.inviting_person_id) for row in found}) if found else {}
            return [
                Invited(rows.group_of(row), replace(known, inviting=now.get(known.inviting, known.inviting)))
                for row, known in ((row, rows.invitation_in(row)) for row in found)
            ]

        return await self._database.read(unit)

    async def members_among(self, group_id: GroupId, people: Sequence[PersonId]) -> frozenset[PersonId]:
        """See `GroupStore.members_among`."""

        def unit(connection: sa.Connection) -> frozenset[PersonId]:
            found = _among(connection, group_id, people)
            absent = set(people) - found
            now = now_of(connection, absent) if absent else {}
            if not now:
                return found
            moved = _among(connection, group_id, list(now.values()))
            return found | {earlier for earlier, person in now.items() if person in moved}

        return await self._database.read(unit)


def _sight(connection: sa.Connection, group: Group, acting: PersonId, person: PersonId, now_ms: int) -> Sight:
    role = rows.role_of(connection, group, person)
    return Sight(
        group=group,
        acting_role=role if acting == person else rows.role_of(connection, group, acting),
        are_friends=person in friends_among(connection, acting, [person]),
        role=role,
        invitation=rows.invitation_of(connection, group.group_id, person, now_ms),
        open_invitations=rows.open_invitations(connection, group.group_id, now_ms),
    )


def _do(
    connection: sa.Connection,
    move: Move,
    sight: Sight,
    people: tuple[PersonId, PersonId],
    now_ms: int,
    limits: GroupLimits,
) -> None:
    """Does with a person's place what was decided; the first of the people acts."""
    acting, person = people
    group = sight.group
    match move:
        case Move.STAY:
            return
        case Move.COME_IN:
            rows.come_in(connection, group.group_id, person, now_ms, limits.groups_max)
            rows.update_group(connection, replace(group, member_count=group.member_count + 1))
            rows.put_invitation(connection, group.group_id, person, None)
        case Move.GO_OUT:
            rows.go_out(connection, group, person)
        case Move.INVITE:
            invitation = Invitation(acting, Answer.OPEN, now_ms + limits.invitation_ms)
            rows.put_invitation(connection, group.group_id, person, invitation)
        case Move.DECLINE:
            assert sight.invitation is not None, "who declines was invited"  # noqa: S101 - an invariant
            declined = replace(sight.invitation, answer=Answer.DECLINED)
            rows.put_invitation(connection, group.group_id, person, declined)
        case Move.UNINVITE:
            rows.put_invitation(connection, group.group_id, person, None)
        case Move.BECOME_ADMIN | Move.BECOME_MEMBER:
            is_admin = move is Move.BECOME_ADMIN
            rows.set_admin(connection, group.group_id, person, is_admin=is_admin)
        case Move.BECOME_OWNER:
            rows.set_admin(connection, group.group_id, person, is_admin=False)
            rows.set_admin(connection, group.group_id, group.owner, is_admin=True)
            rows.update_group(connection, replace(group, owner=person))


def _role(group: Group, row: Row) -> Role:
    if row.person_id == group.owner:
        return Role.OWNER
    return Role.MEMBER if row.admin_person_id is None else Role.ADMIN


def _among(connection: sa.Connection, group_id: GroupId, people: Sequence[PersonId]) -> frozenset[PersonId]:
    if len(people) == 1:
        alone = people[0]
        is_in = rows.since_of(connection, group_id, alone) is not None
        return frozenset([alone] if is_in else [])
    parameters = {"group": group_id, "people": sorted(set(people))}
    return frozenset(PersonId(found) for (found,) in connection.execute(_AMONG, parameters))


_of_this_group = members.c.group_id == bindparam("group")
_and_admins = members.outerjoin(
    admins, sa.and_(admins.c.group_id == members.c.group_id, admins.c.person_id == members.c.person_id)
)
_member_columns = (members.c.person_id, members.c.since_ms, admins.c.person_id.label("admin_person_id"))
_GROUP = Statement(sa.select(groups).where(groups.c.group_id == bindparam("group")))
_INSERT_GROUP = Statement(groups.insert())
_MEMBERS = Statement(
    sa.select(*_member_columns)
    .select_from(_and_admins)
    .where(_of_this_group, members.c.person_id > bindparam("after"))
    .order_by(members.c.person_id)
    .limit(bindparam("limit"))
)
_GROUPS_OF = Statement(
    sa.select(groups, *_member_columns)
    .select_from(_and_admins.join(groups, groups.c.group_id == members.c.group_id))
    .where(members.c.person_id == bindparam("person"), members.c.group_id > bindparam("after"))
    .order_by(members.c.group_id)
    .limit(bindparam("limit"))
)
_INVITED = Statement(
    sa.select(groups, invitations.c.inviting_person_id, invitations.c.answer, invitations.c.expires_ms)
    .join(invitations, invitations.c.group_id == groups.c.group_id)
    .where(
        invitations.c.person_id == bindparam("person"),
        invitations.c.group_id > bindparam("after"),
        invitations.c.answer == sa.literal_column(str(int(Answer.OPEN))),
        invitations.c.expires_ms > bindparam("now_ms"),
    )
    .order_by(invitations.c.group_id)
    .limit(bindparam("limit"))
)
_AMONG = sa.select(members.c.person_id).where(
    _of_this_group, members.c.person_id.in_(bindparam("people", expanding=True))
)

"""Rows of groups, members, admins and invitations: what a transaction changes together."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.social.adapters.group_tables import admins, invitations
from services.social.adapters.tables import group_people, groups, members
from services.social.domain.errors import GroupLimitReached
from services.social.domain.group import NOBODY, Answer, Group, GroupId, Invitation, Role
from services.social.domain.relation import PersonId


def locked_group(connection: sa.Connection, group_id: GroupId) -> Group | None:
    """The group, held until the transaction ends."""
    row = _LOCK.first(connection, {"group": group_id})
    return None if row is None else group_of(row)


def group_of(row: Row) -> Group:
    """The group that a row holds."""
    return Group(GroupId(row.group_id), PersonId(row.owner_person_id), row.member_count, row.created_ms)


def since_of(connection: sa.Connection, group_id: GroupId, person: PersonId) -> int | None:
    """Since when a person is in a group; None when they are not."""
    row = _MEMBER.first(connection, {"group": group_id, "person": person})
    return None if row is None else int(row.since_ms)


def role_of(connection: sa.Connection, group: Group, person: PersonId) -> Role | None:
    """What a person may do in a group; None for who is not in it."""
    if person == group.owner:
        return Role.OWNER
    if since_of(connection, group.group_id, person) is None:
        return None
    row = _ADMIN.first(connection, {"group": group.group_id, "person": person})
    return Role.MEMBER if row is None else Role.ADMIN


def come_in(
    connection: sa.Connection, group_id: GroupId, person: PersonId, since_ms: int, groups_max: int | None
) -> None:
    """A new member: does not count them in the group's row. Raises `GroupLimitReached`."""
    _INSERT_MEMBER.run(connection, {"group_id": group_id, "person_id": person, "since_ms": since_ms})
    total = _TOTALS.execute(connection, {"person_id": person, "groups": 1})
    if groups_max is not None and total.groups > groups_max:
        raise GroupLimitReached(person, groups_max)


def take_out(connection: sa.Connection, group_id: GroupId, person: PersonId) -> None:
    """A member less, as `come_in`."""
    key = {"group": group_id, "person": person}
    _DELETE_MEMBER.run(connection, key)
    _DELETE_ADMIN.run(connection, key)
    _TOTALS.execute(connection, {"person_id": person, "groups": -1})


def go_out(connection: sa.Connection, group: Group, person: PersonId) -> None:
    """A member goes, and is followed if they owned the group."""
    take_out(connection, group.group_id, person)
    owner = group.owner
    if person == owner:
        eldest = _ELDEST.first(connection, {"group": group.group_id})
        owner = NOBODY if eldest is None else PersonId(eldest.person_id)
        set_admin(connection, group.group_id, owner, is_admin=False)
    update_group(connection, replace(group, owner=owner, member_count=group.member_count - 1))


def update_group(connection: sa.Connection, group: Group) -> None:
    """Keeps who owns the group and how many are in it."""
    _UPDATE_GROUP.run(
        connection,
        {"group": group.group_id, "owner_person_id": group.owner, "member_count": group.member_count},
    )


def set_admin(connection: sa.Connection, group_id: GroupId, person: PersonId, *, is_admin: bool) -> None:
    """Puts a member among the admins, or out of them."""
    _DELETE_ADMIN.run(connection, {"group": group_id, "person": person})
    if is_admin:
        _INSERT_ADMIN.run(connection, {"group_id": group_id, "person_id": person})


def invitation_of(
    connection: sa.Connection, group_id: GroupId, person: PersonId, now_ms: int
) -> Invitation | None:
    """A person's invitation, unless it has expired."""
    row = _INVITATION.first(connection, {"group": group_id, "person": person, "now_ms": now_ms})
    return None if row is None else invitation_in(row)


def invitation_in(row: Row) -> Invitation:
    """The invitation that a row holds."""
    return Invitation(PersonId(row.inviting_person_id), Answer(row.answer), row.expires_ms)


def open_invitations(connection: sa.Connection, group_id: GroupId, now_ms: int) -> int:
    """How many wait for an answer. What has expired is taken away."""
    _DELETE_EXPIRED.run(connection, {"group": group_id, "now_ms": now_ms})
    row = _COUNT_OPEN.first(connection, {"group": group_id})
    assert row is not None, "a count is a row"  # noqa: S101 - an invariant
    return int(row.invited)


def put_invitation(
    connection: sa.Connection, group_id: GroupId, person: PersonId, invitation: Invitation | None
) -> None:
    """Keeps an invitation in the place of the one before; None keeps none."""
    _DELETE_INVITATION.run(connection, {"group": group_id, "person": person})
    if invitation is not None:
        values = {
            "group_id": group_id,
            "person_id": person,
            "inviting_person_id": invitation.inviting,
            "answer": int(invitation.answer),
            "expires_ms": invitation.expires_ms,
        }
        _INSERT_INVITATION.run(connection, values)


_this_group = groups.c.group_id == bindparam("group")
_of_this_group = members.c.group_id == bindparam("group")
_this_member = sa.and_(_of_this_group, members.c.person_id == bindparam("person"))
_this_admin = sa.and_(admins.c.group_id == bindparam("group"), admins.c.person_id == bindparam("person"))
_to_this_group = invitations.c.group_id == bindparam("group")
_this_invitation = sa.and_(_to_this_group, invitations.c.person_id == bindparam("person"))
_LOCK = Statement(sa.select(groups).where(_this_group).with_for_update())
_UPDATE_GROUP = Statement(groups.update().where(_this_group))
_MEMBER = Statement(sa.select(members.c.since_ms).where(_this_member))
_INSERT_MEMBER = Statement(members.insert())
_DELETE_MEMBER = Statement(members.delete().where(_this_member))
_ADMIN = Statement(sa.select(admins.c.person_id).where(_this_admin))
_INSERT_ADMIN = Statement(admins.insert())
_DELETE_ADMIN = Statement(admins.delete().where(_this_admin))
_ELDEST = Statement(
    sa.select(members.c.person_id)
    .outerjoin(
        admins, sa.and_(admins.c.group_id == members.c.group_id, admins.c.person_id == members.c.person_id)
    )
    .where(_of_this_group)
    .order_by(admins.c.person_id.is_(None), members.c.since_ms, members.c.person_id)
    .limit(1)
)
_INVITATION = Statement(
    sa.select(invitations).where(_this_invitation, invitations.c.expires_ms > bindparam("now_ms"))
)
_INSERT_INVITATION = Statement(invitations.insert())
_DELETE_INVITATION = Statement(invitations.delete().where(_this_invitation))
_DELETE_EXPIRED = Statement(
    invitations.delete().where(_to_this_group, invitations.c.expires_ms <= bindparam("now_ms"))
)
_COUNT_OPEN = Statement(
    sa.select(sa.func.count().label("invited")).where(
        _to_this_group, invitations.c.answer == sa.literal_column(str(int(Answer.OPEN)))
    )
)
_TOTALS = InsertOrAdd(group_people)

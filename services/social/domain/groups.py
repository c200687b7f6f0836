"""Creating groups, coming in, going out, and looking who is in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.social.domain import group as rules
from services.social.domain import pages
from services.social.domain.errors import GroupUnknown, NotGroupMember
from services.social.domain.group import Group, GroupId, Invitation, Invited, Member, Membership, Role
from services.social.domain.ports import GroupLimits, GroupStore, Place, Placement, WallClock
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members of a group."""

    group: Group
    members: Sequence[Member]
    next_page_token: str
    """Empty after the last page."""


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Some groups of a person."""

    memberships: Sequence[Membership]
    next_page_token: str
    """Empty after the last page."""


@dataclass(frozen=True, slots=True)
class InvitedPage:
    """Some invitations of a person."""

    invitations: Sequence[Invited]
    next_page_token: str
    """Empty after the last page."""


class Groups:
    """What people do with their groups."""

    def __init__(self, store: GroupStore, clock: WallClock, limits: GroupLimits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits

    async def create(self, owner: PersonId, members: Sequence[PersonId], request_id: str) -> Group:
        """Creates a group of the owner and friends.

        Raises `RequestIdReused`, `NotFriends`, `GroupFull` or `GroupLimitReached`.
        """
        everybody = rules.first_members(owner, members)
        group_id = rules.group_id_of(owner, request_id)
        new = Group(group_id, owner, len(everybody), self._clock.now_ms())
        return await self._store.create(new, everybody, request_id, self._limits)

    async def add(self, group_id: GroupId, acting: PersonId, person: PersonId) -> int:
        """Adds a friend; since when they are in the group, milliseconds since the Unix epoch.

        Raises `GroupUnknown`, `NotGroupMember`, `NotFriends`, `GroupFull` or `GroupLimitReached`.
        """
        members_max = self._limits.members_max
        place = await self._change(
            group_id, acting, person, lambda sight, me, them: rules.add(sight, me, them, members_max)
        )
        return _since(place)

    async def remove(self, group_id: GroupId, acting: PersonId, person: PersonId) -> None:
        """Removes a member, or takes back an invitation.

        Raises `GroupUnknown`, `NotGroupAdmin`, `NotGroupOwner` or `OwnerNotRemovable`.
        """
        await self._change(group_id, acting, person, rules.remove)

    async def leave(self, group_id: GroupId, person: PersonId) -> None:
        """Leaves a group. Raises `GroupUnknown`."""
        await self._change(group_id, person, person, lambda sight, _me, _them: rules.leave(sight))

    async def invite(self, group_id: GroupId, acting: PersonId, person: PersonId) -> Invitation:
        """Invites a friend; the invitation, an earlier one if it has not expired.

        Raises `GroupUnknown`, `NotGroupAdmin`, `AlreadyGroupMember`, `NotFriends`, `GroupFull` or
        `GroupInvitationLimitReached`.
        """
        members_max, open_max = self._limits.members_max, self._limits.invitations_max
        place = await self._change(
            group_id,
            acting,
            person,
            lambda sight, me, them: rules.invite(sight, me, them, members_max, open_max),
        )
        assert place.invitation is not None, "who was invited has an invitation"
        return place.invitation

    async def accept(self, group_id: GroupId, person: PersonId) -> int:
        """Comes in by invitation; since when, as `add`.

        Raises `GroupUnknown`, `GroupInvitationUnknown`, `GroupFull` or `GroupLimitReached`.
        """
        members_max = self._limits.members_max
        place = await self._change(
            group_id, person, person, lambda sight, me, _them: rules.accept(sight, me, members_max)
        )
        return _since(place)

    async def decline(self, group_id: GroupId, person: PersonId) -> None:
        """Declines an invitation. Raises `GroupUnknown` or `GroupInvitationUnknown`."""
        await self._change(group_id, person, person, lambda sight, me, _them: rules.decline(sight, me))

    async def set_role(self, group_id: GroupId, acting: PersonId, person: PersonId, role: Role) -> None:
        """Makes a member an admin, or a plain member.

        Raises `GroupUnknown`, `NotGroupOwner`, `NotGroupMember` or `OwnerRoleFixed`.
        """
        await self._change(
            group_id, acting, person, lambda sight, me, them: rules.set_role(sight, me, them, role)
        )

    async def hand_over(self, group_id: GroupId, acting: PersonId, person: PersonId) -> None:
        """Makes another member the owner. Raises `GroupUnknown`, `NotGroupOwner` or `NotGroupMember`."""
        await self._change(group_id, acting, person, rules.hand_over)

    async def invitations(self, person: PersonId, page_size: int, page_token: str) -> InvitedPage:
        """A page of the invitations that wait for a person. Raises `PageTokenInvalid`."""
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        after = GroupId(pages.last_of(page_token, "invitations", person))
        found = await self._store.invitations(person, after, size + 1, self._clock.now_ms())
        shown = found[:size]
        is_last = len(found) <= size
        token = "" if is_last else pages.token("invitations", person, shown[-1].group.group_id)
        return InvitedPage(shown, token)

    async def members(
        self, group_id: GroupId, asking: PersonId, page_size: int, page_token: str
    ) -> MemberPage:
        """A page of a group's members; a size of 0 means the default.

        Raises `GroupUnknown`, `NotGroupMember` or `PageTokenInvalid`.
        """
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        after = PersonId(pages.last_of(page_token, "members", group_id))
        # One more than asked for tells whether there is another page.
        found = await self._store.members(group_id, asking, after, size + 1)
        if found is None:
            raise GroupUnknown(group_id)
        if not found.asking_is_member:
            raise NotGroupMember(group_id, asking)
        shown = found.members[:size]
        is_last = len(found.members) <= size
        token = "" if is_last else pages.token("members", group_id, shown[-1].person)
        return MemberPage(found.group, shown, token)

    async def of_person(self, person: PersonId, page_size: int, page_token: str) -> GroupPage:
        """A page of the groups that a person is in. Raises `PageTokenInvalid`."""
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        after = GroupId(pages.last_of(page_token, "groups", person))
        found = await self._store.groups_of(person, after, size + 1)
        shown = found[:size]
        is_last = len(found) <= size
        return GroupPage(shown, "" if is_last else pages.token("groups", person, shown[-1].group.group_id))

    async def check(self, group_id: GroupId, people: Sequence[PersonId]) -> list[bool]:
        """For each of the people whether they are in the group."""
        members = await self._store.members_among(group_id, people)
        return [person in members for person in people]

    async def _change(
        self, group_id: GroupId, acting: PersonId, person: PersonId, decide: Placement
    ) -> Place:
        now_ms = self._clock.now_ms()
        return await self._store.change(group_id, acting, person, decide, now_ms, self._limits)


def _since(place: Place) -> int:
    assert place.since_ms is not None, "who came in is in the group"
    return place.since_ms

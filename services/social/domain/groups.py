"""Creating groups, coming in, going out, and looking who is in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.social.domain import group as rules
from services.social.domain import pages
from services.social.domain.errors import GroupUnknown, NotGroupMember
from services.social.domain.group import Group, GroupId, Member, Membership
from services.social.domain.ports import GroupLimits, GroupStore, WallClock
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
        since_ms = await self._store.change(
            group_id,
            acting,
            person,
            lambda sight: rules.add(sight, acting, person, members_max),
            self._clock.now_ms(),
            self._limits,
        )
        assert since_ms is not None, "who was added is in the group"
        return since_ms

    async def remove(self, group_id: GroupId, acting: PersonId, person: PersonId) -> None:
        """Removes a member. Raises `GroupUnknown`, `NotGroupOwner` or `OwnerNotRemovable`."""
        now_ms = self._clock.now_ms()
        await self._store.change(
            group_id,
            acting,
            person,
            lambda sight: rules.remove(sight, acting, person),
            now_ms,
            self._limits,
        )

    async def leave(self, group_id: GroupId, person: PersonId) -> None:
        """Leaves a group. Raises `GroupUnknown`."""
        now_ms = self._clock.now_ms()
        await self._store.change(group_id, person, person, rules.leave, now_ms, self._limits)

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

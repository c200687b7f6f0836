"""What social needs of the world."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.social.domain.group import (
    Group,
    GroupId,
    Invitation,
    Invited,
    Member,
    Membership,
    Move,
    Sight,
)
from services.social.domain.relation import End, Pair, PersonId, Relation

Decision = Callable[[Relation | None, PersonId, PersonId], Relation]
"""Says what a relation becomes of who acts and the other one; the same value when nothing changes.

Raises to refuse.

What comes of no relation is kept only when there is something to keep.
"""

Placement = Callable[[Sight, PersonId, PersonId], Move]
"""Says what becomes of a person's place in a group: hears who acts, and the person. Raises to refuse."""


class Direction(enum.Enum):
    """Which side of a person's requests."""

    INCOMING = enum.auto()
    OUTGOING = enum.auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """How two people stand to each other."""

    are_friends: bool
    is_blocked: bool
    """Whether one of them has blocked the other."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of it one person may have."""

    friends_max: int
    requests_max: int
    """Unanswered requests that the person made."""
    blocked_max: int
    """People that the person has blocked."""


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """How large groups may be, and in how many one person may be."""

    members_max: int
    groups_max: int
    invitations_max: int
    """Invitations to one group that wait for an answer."""
    invitation_ms: int
    """How long an invitation is good for."""


@dataclass(frozen=True, slots=True)
class MembersFound:
    """What a look into a group finds."""

    group: Group
    asking_is_member: bool
    members: Sequence[Member]


@dataclass(frozen=True, slots=True)
class FriendshipEvent:
    """An event of the feed: two became friends, or are friends no longer."""

    seq: int
    """From 1, without gaps."""
    time_ms: int
    trace_context: str
    pair: Pair
    person: PersonId
    """Who asked first, or who ended it."""
    end: End | None
    """How it ended; None when it was made."""
    by_merge: bool = False
    """Whether it was made by moving it from a person who turned out to be one of the two."""


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event of the feed that another subject than friendships has told."""

    seq: int
    """From 1, without gaps."""
    time_ms: int
    trace_context: str
    content: bytes
    """The contract's `SocialEvent`, serialised."""


@dataclass(frozen=True, slots=True)
class Place:
    """A person's place in a group, or before it."""

    since_ms: int | None
    """When the person came in; None when they are not in the group."""
    invitation: Invitation | None
    """None when there is none, or no longer."""


class WallClock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...


class RelationStore(Protocol):
    """Keeps relations, and the feed of friendships."""

    async def change(
        self, acting: PersonId, other: PersonId, decide: Decision, limits: Limits, trace_context: str
    ) -> Relation:
        """Replaces the relation by what `decide` makes of it; atomic, and durable on return.

        Who turned out to be another person acts, and is meant, as that one: `decide` hears who they are now.
        When the two become friends, or are so no longer, the event enters the feed in the same transaction;
        `acting` is who of the two does it. Raises what `decide` raises, `SelfFriendship`,
        `FriendLimitReached`, `RequestLimitReached` and `BlockLimitReached`, and then nothing has changed.
        """
        ...

    async def friends(self, person: PersonId, after: PersonId, limit: int) -> Sequence[Relation]:
        """At most `limit` of the person's friendships, with friends above `after`, in their order."""
        ...

    async def friends_named(
        self, person: PersonId, after: PersonId, limit: int
    ) -> tuple[Sequence[Relation], Mapping[PersonId, str]]:
        """As `friends`, with what the person calls those whom they call something."""
        ...

    async def set_remark(self, person: PersonId, friend: PersonId, remark: str) -> None:
        """Keeps what a person calls a friend, an empty remark none; atomic, and durable on return.

        It goes with the friendship. Raises `SelfFriendship` and `FriendUnknown`.
        """
        ...

    async def requests(
        self, person: PersonId, direction: Direction, after: PersonId, limit: int
    ) -> Sequence[Relation]:
        """At most `limit` unanswered requests, with other sides above `after`, in their order."""
        ...

    async def friend_count(self, person: PersonId) -> int:
        """How many friends the person has."""
        ...

    async def friends_among(self, person: PersonId, others: Sequence[PersonId]) -> frozenset[PersonId]:
        """Those of the others who are the person's friends."""
        ...

    async def blocked(self, person: PersonId, after: PersonId, limit: int) -> Sequence[Relation]:
        """At most `limit` relations with people whom the person has blocked, above `after`, in order."""
        ...

    async def standings(self, pairs: Sequence[tuple[PersonId, PersonId]]) -> Sequence[Standing]:
        """How the two of each pair stand to each other, in their order, all of it at one moment."""
        ...


@dataclass(frozen=True, slots=True)
class Figures:
    """What can be said of a person in numbers."""

    friends: int
    some_friends: Sequence[PersonId]
    """The friends with the lowest numbers, which are random: they stand for all."""


class FriendshipFeed(Protocol):
    """The feed of friendships."""

    async def last_seq(self) -> int:
        """Number of the newest event, 0 when there is none."""
        ...

    async def read(self, after_seq: int, limit: int) -> Sequence[FriendshipEvent | ToldEvent]:
        """At most `limit` events above `after_seq`, in order."""
        ...

    async def wait_beyond(self, seq: int, timeout_s: float) -> None:
        """Returns when there may be an event above `seq`, at the latest after the time."""
        ...


class GroupStore(Protocol):
    """Keeps groups."""

    async def create(
        self, new: Group, everybody: Sequence[PersonId], request_id: str, limits: GroupLimits
    ) -> Group:
        """Keeps a new group, or returns the one that has its id; atomic, and durable on return.

        `everybody` is in it, by rising id. Raises `RequestIdReused` when the group that is there began with
        others, `GroupFull`, `NotFriends` and `GroupLimitReached`; then nothing has changed.
        """
        ...

    async def change(
        self,
        group_id: GroupId,
        acting: PersonId,
        person: PersonId,
        decide: Placement,
        now_ms: int,
        limits: GroupLimits,
    ) -> Place:
        """Does with a person's place what `decide` says; atomic, and durable on return.

        Returns the place as it is then. Of the members, admins before others, the one who has been in the
        group longest follows an owner who goes. Who turned out to be another person acts, and is meant, as
        that one. Raises what `decide` raises, `GroupUnknown` and `GroupLimitReached`, and then nothing has
        changed.
        """
        ...

    async def invitations(
        self, person: PersonId, after: GroupId, limit: int, now_ms: int
    ) -> Sequence[Invited]:
        """At most `limit` invitations that wait for the person, to groups above `after`, in their order."""
        ...

    async def members(
        self, group_id: GroupId, asking: PersonId, after: PersonId, limit: int
    ) -> MembersFound | None:
        """At most `limit` members above `after`, in their order; None for an unknown group."""
        ...

    async def groups_of(self, person: PersonId, after: GroupId, limit: int) -> Sequence[Membership]:
        """At most `limit` groups of a person above `after`, in their order."""
        ...

    async def members_among(self, group_id: GroupId, people: Sequence[PersonId]) -> frozenset[PersonId]:
        """Those of the people who are in the group."""
        ...

"""What can happen to a group of people.

A group is its members and an owner; whom somebody may bring in is decided by the relations between people.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NewType

from services.social.domain.errors import (
    GroupFull,
    NotFriends,
    NotGroupMember,
    NotGroupOwner,
    OwnerNotRemovable,
)
from services.social.domain.relation import PersonId

GroupId = NewType("GroupId", int)
NOBODY = PersonId(0)
"""Owns a group that everybody has left."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it stands."""

    group_id: GroupId
    owner: PersonId
    member_count: int
    created_ms: int

    def __post_init__(self) -> None:
        assert self.member_count >= 0, "nobody leaves twice"
        assert (self.owner == NOBODY) == (self.member_count == 0), "who is left owns the group"


@dataclass(frozen=True, slots=True)
class Member:
    """A person's place in a group."""

    person: PersonId
    since_ms: int


@dataclass(frozen=True, slots=True)
class Membership:
    """A group, as one of its members sees it."""

    group: Group
    since_ms: int
    """When that member came in."""


@dataclass(frozen=True, slots=True)
class Sight:
    """All that a change of one person's place in a group is decided on, at one moment."""

    group: Group
    acting_is_member: bool
    """Whether who acts is in the group."""
    are_friends: bool
    """Whether who acts and the person concerned are friends."""
    is_member: bool
    """Whether the person concerned is in the group."""


class Move(enum.Enum):
    """What becomes of a person's place."""

    STAY = enum.auto()
    COME_IN = enum.auto()
    GO_OUT = enum.auto()


def group_id_of(owner: PersonId, request_id: str) -> GroupId:
    """The id of the group that a request creates: from it alone, so that a repeat finds the same group."""
    digest = hashlib.sha256(f"group\x00{owner}\x00{request_id.lower()}".encode()).digest()
    return GroupId(int.from_bytes(digest[:8], "big") >> 1 or 1)


def first_members(owner: PersonId, members: Iterable[PersonId]) -> Sequence[PersonId]:
    """Everybody who is in a new group, once, by rising id."""
    return sorted({owner, *members})


def digest_of(members: Sequence[PersonId]) -> bytes:
    """Tells one list of first members from another: 32 bytes."""
    return hashlib.sha256(b"".join(member.to_bytes(8, "big") for member in members)).digest()


def check_new(
    owner: PersonId, members: Sequence[PersonId], friends: frozenset[PersonId], members_max: int
) -> None:
    """Raises `GroupFull` or `NotFriends` unless the owner may create a group of these members."""
    if len(members) > members_max:
        raise GroupFull(members_max)
    strangers = [member for member in members if member not in friends and member != owner]
    if strangers:
        raise NotFriends(owner, strangers[0])


def add(sight: Sight, acting: PersonId, person: PersonId, members_max: int) -> Move:
    """`acting` adds `person`. Raises `NotGroupMember`, `NotFriends` or `GroupFull`."""
    if not sight.acting_is_member:
        raise NotGroupMember(sight.group.group_id, acting)
    if sight.is_member:
        return Move.STAY
    if not sight.are_friends:
        raise NotFriends(acting, person)
    if sight.group.member_count >= members_max:
        raise GroupFull(members_max)
    return Move.COME_IN


def remove(sight: Sight, acting: PersonId, person: PersonId) -> Move:
    """`acting` removes `person`. Raises `NotGroupOwner` or `OwnerNotRemovable`."""
    if acting != sight.group.owner:
        raise NotGroupOwner(sight.group.group_id, acting)
    if person == acting:
        raise OwnerNotRemovable(sight.group.group_id, person)
    return Move.GO_OUT if sight.is_member else Move.STAY


def leave(sight: Sight) -> Move:
    """The person concerned leaves by themselves."""
    return Move.GO_OUT if sight.is_member else Move.STAY

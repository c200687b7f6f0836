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
from services.social.domain.group_errors import (
    AlreadyGroupMember,
    GroupInvitationLimitReached,
    GroupInvitationUnknown,
    NotGroupAdmin,
    OwnerRoleFixed,
)
from services.social.domain.relation import PersonId

GroupId = NewType("GroupId", int)
NOBODY = PersonId(0)
"""Owns a group that everybody has left."""


class Role(enum.IntEnum):
    """What a member may do; numbers are the contract's `GroupRole`."""

    MEMBER = 1
    ADMIN = 2
    OWNER = 3


class Answer(enum.IntEnum):
    """Where an invitation stands; numbers are the contract's `GroupInvitationState`."""

    OPEN = 1
    DECLINED = 2


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
    role: Role


@dataclass(frozen=True, slots=True)
class Membership:
    """A group, as one of its members sees it."""

    group: Group
    since_ms: int
    """When that member came in."""
    role: Role
    """What that member may do."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody is invited into a group, until it expires."""

    inviting: PersonId
    answer: Answer
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation, as who is invited sees it."""

    group: Group
    invitation: Invitation


@dataclass(frozen=True, slots=True)
class Sight:
    """All that a change of one person's place in a group is decided on, at one moment."""

    group: Group
    acting_role: Role | None
    """What who acts may do in the group; None for who is not in it."""
    are_friends: bool
    """Whether who acts and the person concerned are friends."""
    role: Role | None
    """As above, of the person concerned."""
    invitation: Invitation | None = None
    """Of the person concerned, if it has not expired."""
    open_invitations: int = 0
    """How many invitations to the group wait for an answer."""

    @property
    def acting_leads(self) -> bool:
        """Whether who acts is owner or admin."""
        return self.acting_role in (Role.OWNER, Role.ADMIN)


class Move(enum.Enum):
    """What becomes of a person's place."""

    STAY = enum.auto()
    COME_IN = enum.auto()
    GO_OUT = enum.auto()
    INVITE = enum.auto()
    DECLINE = enum.auto()
    UNINVITE = enum.auto()
    BECOME_ADMIN = enum.auto()
    BECOME_MEMBER = enum.auto()
    BECOME_OWNER = enum.auto()


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
    if sight.acting_role is None:
        raise NotGroupMember(sight.group.group_id, acting)
    if sight.role is not None:
        return Move.STAY
    if not sight.are_friends:
        raise NotFriends(acting, person)
    if sight.group.member_count >= members_max:
        raise GroupFull(members_max)
    return Move.COME_IN


def remove(sight: Sight, acting: PersonId, person: PersonId) -> Move:
    """`acting` removes `person`, or takes back their invitation.

    Raises `NotGroupAdmin`, `OwnerNotRemovable` or `NotGroupOwner`.
    """
    if not sight.acting_leads:
        raise NotGroupAdmin(sight.group.group_id, acting)
    if sight.role is Role.OWNER:
        raise OwnerNotRemovable(sight.group.group_id, person)
    if sight.role is Role.ADMIN and sight.acting_role is not Role.OWNER:
        raise NotGroupOwner(sight.group.group_id, acting)
    if sight.role is not None:
        return Move.GO_OUT
    return Move.STAY if sight.invitation is None else Move.UNINVITE


def leave(sight: Sight) -> Move:
    """The person concerned leaves by themselves."""
    return Move.STAY if sight.role is None else Move.GO_OUT


def invite(sight: Sight, acting: PersonId, person: PersonId, members_max: int, invitations_max: int) -> Move:
    """`acting` invites `person`; again, also after a refusal, nothing changes until the invitation expires.

    Raises `NotGroupAdmin`, `AlreadyGroupMember`, `NotFriends`, `GroupFull` or `GroupInvitationLimitReached`.
    """
    group_id = sight.group.group_id
    if not sight.acting_leads:
        raise NotGroupAdmin(group_id, acting)
    if sight.role is not None:
        raise AlreadyGroupMember(group_id, person)
    if sight.invitation is not None:
        return Move.STAY
    if not sight.are_friends:
        raise NotFriends(acting, person)
    if sight.group.member_count >= members_max:
        raise GroupFull(members_max)
    if sight.open_invitations >= invitations_max:
        raise GroupInvitationLimitReached(group_id, invitations_max)
    return Move.INVITE


def accept(sight: Sight, person: PersonId, members_max: int) -> Move:
    """The person concerned comes in by invitation. Raises `GroupInvitationUnknown` or `GroupFull`."""
    if sight.role is not None:
        return Move.STAY
    if sight.invitation is None:
        raise GroupInvitationUnknown(sight.group.group_id, person)
    if sight.group.member_count >= members_max:
        raise GroupFull(members_max)
    return Move.COME_IN


def decline(sight: Sight, person: PersonId) -> Move:
    """The person concerned does not want to come in. Raises `GroupInvitationUnknown`."""
    if sight.invitation is None:
        raise GroupInvitationUnknown(sight.group.group_id, person)
    return Move.DECLINE if sight.invitation.answer is Answer.OPEN else Move.STAY


def set_role(sight: Sight, acting: PersonId, person: PersonId, role: Role) -> Move:
    """`acting` makes `person` an admin or a plain member.

    Raises `NotGroupOwner`, `OwnerRoleFixed` or `NotGroupMember`.
    """
    assert role is not Role.OWNER, "groups are handed over"
    if sight.acting_role is not Role.OWNER:
        raise NotGroupOwner(sight.group.group_id, acting)
    if sight.role is None:
        raise NotGroupMember(sight.group.group_id, person)
    if sight.role is Role.OWNER:
        raise OwnerRoleFixed(sight.group.group_id, person)
    if sight.role is role:
        return Move.STAY
    return Move.BECOME_ADMIN if role is Role.ADMIN else Move.BECOME_MEMBER


def hand_over(sight: Sight, acting: PersonId, person: PersonId) -> Move:
    """`acting` makes `person` the owner; who was it before finds that done.

    Raises `NotGroupOwner` or `NotGroupMember`.
    """
    if sight.role is Role.OWNER and sight.acting_leads:
        return Move.STAY
    if sight.acting_role is not Role.OWNER:
        raise NotGroupOwner(sight.group.group_id, acting)
    if sight.role is None:
        raise NotGroupMember(sight.group.group_id, person)
    return Move.BECOME_OWNER

"""What may happen to a group, one rule at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.social.domain import group
from services.social.domain.errors import (
    GroupFull,
    NotFriends,
    NotGroupMember,
    NotGroupOwner,
    OwnerNotRemovable,
)
from services.social.domain.group import Group, GroupId, Move, Sight
from services.social.domain.relation import PersonId

OWNER, MEMBER, OTHER = PersonId(1), PersonId(2), PersonId(3)
GROUP = Group(GroupId(9), OWNER, member_count=2, created_ms=5)
INSIDE = Sight(GROUP, acting_is_member=True, are_friends=True, is_member=True)
OUTSIDE = replace(INSIDE, is_member=False)
MEMBERS_MAX = 3


def test_a_member_brings_a_friend_in() -> None:
    assert group.add(OUTSIDE, MEMBER, OTHER, MEMBERS_MAX) is Move.COME_IN


def test_who_is_in_the_group_stays_even_when_it_is_full_and_whoever_asks() -> None:
    full = replace(INSIDE, are_friends=False, group=replace(GROUP, member_count=MEMBERS_MAX))
    assert group.add(full, MEMBER, OTHER, MEMBERS_MAX) is Move.STAY


def test_only_members_bring_people_in() -> None:
    with pytest.raises(NotGroupMember):
        group.add(replace(OUTSIDE, acting_is_member=False), OTHER, MEMBER, MEMBERS_MAX)


def test_only_friends_are_brought_in() -> None:
    with pytest.raises(NotFriends):
        group.add(replace(OUTSIDE, are_friends=False), MEMBER, OTHER, MEMBERS_MAX)


def test_a_full_group_takes_nobody() -> None:
    full = replace(OUTSIDE, group=replace(GROUP, member_count=MEMBERS_MAX))
    with pytest.raises(GroupFull):
        group.add(full, MEMBER, OTHER, MEMBERS_MAX)


def test_the_owner_removes_others_and_nobody_else_does() -> None:
    assert group.remove(INSIDE, OWNER, MEMBER) is Move.GO_OUT
    assert group.remove(OUTSIDE, OWNER, OTHER) is Move.STAY
    with pytest.raises(NotGroupOwner):
        group.remove(INSIDE, MEMBER, OTHER)
    with pytest.raises(OwnerNotRemovable):
        group.remove(INSIDE, OWNER, OWNER)


def test_leaving_is_always_possible() -> None:
    assert group.leave(INSIDE) is Move.GO_OUT
    assert group.leave(OUTSIDE) is Move.STAY


def test_a_new_group_is_of_friends_and_not_too_large() -> None:
    friends = frozenset({MEMBER})
    group.check_new(OWNER, [OWNER, MEMBER], friends, MEMBERS_MAX)
    with pytest.raises(NotFriends):
        group.check_new(OWNER, [OWNER, MEMBER, OTHER], friends, MEMBERS_MAX)
    with pytest.raises(GroupFull):
        group.check_new(OWNER, [OWNER, MEMBER, OTHER], friends, members_max=2)


def test_a_repeated_request_names_the_same_group_and_another_one_does_not() -> None:
    request_id = "6f1f4d52-8c51-4a0c-9d7b-0d0a2f6c1b11"
    group_id = group.group_id_of(OWNER, request_id)
    assert group_id == group.group_id_of(OWNER, request_id.upper())
    assert 0 < group_id < 2**63
    assert group_id != group.group_id_of(MEMBER, request_id)


def test_first_members_count_once_and_have_one_digest_whatever_their_order() -> None:
    assert group.first_members(OWNER, [OTHER, MEMBER, OWNER, OTHER]) == [OWNER, MEMBER, OTHER]
    assert group.digest_of([OWNER, MEMBER]) != group.digest_of([OWNER, OTHER])

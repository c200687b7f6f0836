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
from services.social.domain.group import Answer, Group, GroupId, Invitation, Move, Role, Sight
from services.social.domain.group_errors import (
    AlreadyGroupMember,
    GroupInvitationLimitReached,
    GroupInvitationUnknown,
    NotGroupAdmin,
    OwnerRoleFixed,
)
from services.social.domain.relation import PersonId

OWNER, MEMBER, OTHER = PersonId(1), PersonId(2), PersonId(3)
GROUP = Group(GroupId(9), OWNER, member_count=2, created_ms=5)
INSIDE = Sight(GROUP, Role.MEMBER, are_friends=True, role=Role.MEMBER)
OUTSIDE = replace(INSIDE, role=None)
MEMBERS_MAX = 3


def test_a_member_brings_a_friend_in() -> None:
    assert group.add(OUTSIDE, MEMBER, OTHER, MEMBERS_MAX) is Move.COME_IN


def test_who_is_in_the_group_stays_even_when_it_is_full_and_whoever_asks() -> None:
    full = replace(INSIDE, are_friends=False, group=replace(GROUP, member_count=MEMBERS_MAX))
    assert group.add(full, MEMBER, OTHER, MEMBERS_MAX) is Move.STAY


def test_only_members_bring_people_in() -> None:
    with pytest.raises(NotGroupMember):
        group.add(replace(OUTSIDE, acting_role=None), OTHER, MEMBER, MEMBERS_MAX)


def test_only_friends_are_brought_in() -> None:
    with pytest.raises(NotFriends):
        group.add(replace(OUTSIDE, are_friends=False), MEMBER, OTHER, MEMBERS_MAX)


def test_a_full_group_takes_nobody() -> None:
    full = replace(OUTSIDE, group=replace(GROUP, member_count=MEMBERS_MAX))
    with pytest.raises(GroupFull):
        group.add(full, MEMBER, OTHER, MEMBERS_MAX)


BY_OWNER = replace(INSIDE, acting_role=Role.OWNER)
BY_ADMIN = replace(INSIDE, acting_role=Role.ADMIN)
INVITATION = Invitation(OWNER, Answer.OPEN, expires_ms=99)


def test_the_owner_removes_others() -> None:
    assert group.remove(BY_OWNER, OWNER, MEMBER) is Move.GO_OUT
    assert group.remove(replace(BY_OWNER, role=Role.ADMIN), OWNER, MEMBER) is Move.GO_OUT
    assert group.remove(replace(BY_OWNER, role=None), OWNER, OTHER) is Move.STAY
    with pytest.raises(OwnerNotRemovable):
        group.remove(replace(BY_OWNER, role=Role.OWNER), OWNER, OWNER)


def test_admins_remove_plain_members_only() -> None:
    assert group.remove(BY_ADMIN, MEMBER, OTHER) is Move.GO_OUT
    with pytest.raises(NotGroupOwner):
        group.remove(replace(BY_ADMIN, role=Role.ADMIN), MEMBER, OTHER)
    with pytest.raises(OwnerNotRemovable):
        group.remove(replace(BY_ADMIN, role=Role.OWNER), MEMBER, OWNER)
    with pytest.raises(NotGroupAdmin):
        group.remove(INSIDE, MEMBER, OTHER)


def test_removing_takes_an_invitation_back() -> None:
    invited = replace(BY_ADMIN, role=None, invitation=INVITATION)
    assert group.remove(invited, MEMBER, OTHER) is Move.UNINVITE


@pytest.mark.parametrize("acting", [Role.OWNER, Role.ADMIN])
def test_owner_and_admins_invite_friends(acting: Role) -> None:
    sight = replace(OUTSIDE, acting_role=acting)
    assert group.invite(sight, OWNER, OTHER, MEMBERS_MAX, 1) is Move.INVITE
    assert group.invite(replace(sight, invitation=INVITATION), OWNER, OTHER, 2, 1) is Move.STAY


@pytest.mark.parametrize(
    ("sight", "refusal"),
    [
        (replace(OUTSIDE, acting_role=Role.MEMBER), NotGroupAdmin),
        (replace(OUTSIDE, acting_role=None), NotGroupAdmin),
        (BY_OWNER, AlreadyGroupMember),
        (replace(OUTSIDE, acting_role=Role.OWNER, are_friends=False), NotFriends),
        (replace(OUTSIDE, acting_role=Role.OWNER, group=replace(GROUP, member_count=3)), GroupFull),
        (replace(OUTSIDE, acting_role=Role.OWNER, open_invitations=2), GroupInvitationLimitReached),
    ],
)
def test_nobody_else_invites_and_not_everybody_is_invited(sight: Sight, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        group.invite(sight, OWNER, OTHER, MEMBERS_MAX, 2)


def test_who_is_invited_comes_in_also_after_declining() -> None:
    invited = replace(OUTSIDE, acting_role=None, invitation=INVITATION)
    declined = replace(invited, invitation=replace(INVITATION, answer=Answer.DECLINED))
    assert group.decline(invited, OTHER) is Move.DECLINE
    assert group.decline(declined, OTHER) is Move.STAY
    assert group.accept(invited, OTHER, MEMBERS_MAX) is Move.COME_IN
    assert group.accept(declined, OTHER, MEMBERS_MAX) is Move.COME_IN
    assert group.accept(INSIDE, OTHER, members_max=2) is Move.STAY


def test_who_is_not_invited_neither_comes_in_nor_declines() -> None:
    stranger = replace(OUTSIDE, acting_role=None)
    with pytest.raises(GroupInvitationUnknown):
        group.accept(stranger, OTHER, MEMBERS_MAX)
    with pytest.raises(GroupInvitationUnknown):
        group.decline(stranger, OTHER)
    with pytest.raises(GroupFull):
        group.accept(replace(stranger, invitation=INVITATION), OTHER, members_max=2)


def test_the_owner_names_admins() -> None:
    assert group.set_role(BY_OWNER, OWNER, MEMBER, Role.ADMIN) is Move.BECOME_ADMIN
    assert group.set_role(BY_OWNER, OWNER, MEMBER, Role.MEMBER) is Move.STAY
    assert (
        group.set_role(replace(BY_OWNER, role=Role.ADMIN), OWNER, MEMBER, Role.MEMBER) is Move.BECOME_MEMBER
    )
    with pytest.raises(NotGroupOwner):
        group.set_role(BY_ADMIN, MEMBER, OTHER, Role.ADMIN)
    with pytest.raises(NotGroupMember):
        group.set_role(replace(BY_OWNER, role=None), OWNER, OTHER, Role.ADMIN)
    with pytest.raises(OwnerRoleFixed):
        group.set_role(replace(BY_OWNER, role=Role.OWNER), OWNER, OWNER, Role.ADMIN)


def test_the_owner_hands_over_and_finds_it_done_when_asking_again() -> None:
    assert group.hand_over(BY_OWNER, OWNER, MEMBER) is Move.BECOME_OWNER
    assert group.hand_over(replace(BY_ADMIN, role=Role.OWNER), OWNER, MEMBER) is Move.STAY
    with pytest.raises(NotGroupOwner):
        group.hand_over(BY_ADMIN, MEMBER, OTHER)
    with pytest.raises(NotGroupMember):
        group.hand_over(replace(BY_OWNER, role=None), OWNER, OTHER)


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

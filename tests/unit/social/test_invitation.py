from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.social.domain.invitations.errors import (
    AlreadyVerified,
    InvitationUnknown,
    InvitedBefore,
    OwnInvitation,
)
from services.social.domain.invitations.invitation import (
    CODE_CHARACTERS,
    Acceptance,
    CampaignId,
    Code,
    Invitation,
    State,
    accept,
    code_of,
    judged,
    new_code,
)
from services.social.domain.relation import PersonId

SPRING = CampaignId("spring-2016")
ANNA, BAO, CHEN = PersonId(1), PersonId(2), PersonId(3)
INVITATION = Invitation(Code("7K2M9QX4TB1A"), ANNA, SPRING, 1_000, 0)
ACCEPTED = Acceptance(BAO, SPRING, INVITATION.code, ANNA, State.ACCEPTED, 1_500)


def test_a_code_is_read_as_people_type_it() -> None:
    assert code_of(" 7k2m-9qx4 tb1a ") == INVITATION.code
    assert code_of("oil000000000") == "011000000000"


@pytest.mark.parametrize("text", ["", "7K2M9QX4TB1", "7K2M9QX4TB1AA", "7K2M9QX4TB1U", "7K2M9QX4TB1\x00"])
def test_what_cannot_be_a_code_is_nobodys(text: str) -> None:
    with pytest.raises(InvitationUnknown):
        code_of(text)


@given(st.binary(min_size=8, max_size=8))
def test_a_code_is_what_it_is_typed_as(drawn: bytes) -> None:
    code = new_code(lambda count: drawn[:count])
    assert len(code) == CODE_CHARACTERS
    assert code_of(code.lower()) == code


def test_codes_of_different_numbers_differ() -> None:
    codes = {new_code(lambda count, n=number: n.to_bytes(count, "big")) for number in range(1_000)}  # type: ignore[misc]
    assert len(codes) == 1_000


def test_who_accepts_once_has_accepted_whatever_they_are_by_then() -> None:
    first = accept(INVITATION, BAO, None, 1_500, is_verified=False)
    assert first == ACCEPTED
    assert accept(INVITATION, BAO, first, 9_000, is_verified=True) == first


def test_not_everybody_can_accept() -> None:
    with pytest.raises(OwnInvitation):
        accept(INVITATION, ANNA, None, 1_500, is_verified=False)
    with pytest.raises(AlreadyVerified):
        accept(INVITATION, BAO, None, 1_500, is_verified=True)
    other = Invitation(Code("000000000001"), CHEN, SPRING, 1_000, 0)
    with pytest.raises(InvitedBefore):
        accept(other, BAO, ACCEPTED, 1_500, is_verified=False)


@pytest.mark.parametrize(
    ("invited_is_verified", "inviting_is_verified", "had_reward", "state"),
    [
        (False, False, False, State.ACCEPTED),
        (False, True, False, State.ACCEPTED),
        (True, False, False, State.VERIFIED),
        (True, True, False, State.FULFILLED),
        (True, True, True, State.NOT_COUNTED),
    ],
)
def test_two_real_people_fulfil_an_invitation_once(
    *, invited_is_verified: bool, inviting_is_verified: bool, had_reward: bool, state: State
) -> None:
    found = judged(
        ACCEPTED,
        invited_is_verified=invited_is_verified,
        inviting_is_verified=inviting_is_verified,
        had_reward=had_reward,
    )
    assert found is state


@pytest.mark.parametrize("end", [State.FULFILLED, State.NOT_COUNTED])
def test_what_has_ended_stays_so(end: State) -> None:
    ended = Acceptance(BAO, SPRING, INVITATION.code, ANNA, end, 1_500, 2_000)
    for one, two, three in itertools.product([False, True], repeat=3):
        found = judged(ended, invited_is_verified=one, inviting_is_verified=two, had_reward=three)
        assert found is end


def test_nobody_was_brought_by_themselves() -> None:
    own = Acceptance(BAO, SPRING, INVITATION.code, BAO, State.VERIFIED, 1_500)
    found = judged(own, invited_is_verified=True, inviting_is_verified=True, had_reward=False)
    assert found is State.NOT_COUNTED

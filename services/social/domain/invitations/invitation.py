"""What an invitation is, and what becomes of it.

It is fulfilled by two real people: the invited one is verified after accepting, as somebody who was not known
before, and the inviting one is verified, too. Whoever invited before being verified may turn out to be the
invited one; so nothing is fulfilled before both are known.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType

from services.social.domain.invitations.errors import (
    AlreadyVerified,
    InvitationUnknown,
    InvitedBefore,
    OwnInvitation,
)
from services.social.domain.relation import PersonId

CampaignId = NewType("CampaignId", str)
Code = NewType("Code", str)
"""What an invitation is accepted with."""

CODE_CHARACTERS = 12
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: without letters that look like digits, or like each other."""
_BITS = 5


class State(enum.IntEnum):
    """Where an accepted invitation stands; numbers are those of the contract."""

    ACCEPTED = 1
    """The invited person is not verified yet."""
    VERIFIED = 2
    """The invited person is verified, the inviting one is not."""
    FULFILLED = 3
    NOT_COUNTED = 4


ENDS = frozenset({State.FULFILLED, State.NOT_COUNTED})


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person's invitation to a campaign."""

    code: Code
    inviting: PersonId
    campaign_id: CampaignId
    created_ms: int
    accepted_count: int
    """How many have accepted it."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An invitation that somebody accepted."""

    invited: PersonId
    campaign_id: CampaignId
    code: Code
    inviting: PersonId
    """The real person where a provisional one turned out to be somebody known."""
    state: State
    accepted_ms: int
    ended_ms: int = 0
    """When it was fulfilled, or stopped counting; 0 while it waits."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing becomes of it any more."""
        return self.state in ENDS


def new_code(random_bytes: Callable[[int], bytes]) -> Code:
    """A code of 60 random bits."""
    number = int.from_bytes(random_bytes(8), "big")
    return Code(
        "".join(
            _ALPHABET[number >> _BITS * place & (1 << _BITS) - 1]
            for place in reversed(range(CODE_CHARACTERS))
        )
    )


def code_of(text: str) -> Code:
    """A code as people type it: small letters, blanks and hyphens, and letters for digits.

    Raises `InvitationUnknown` for what cannot be one.
    """
    plain = text.upper().replace(" ", "").replace("-", "").translate(_TYPED)
    if len(plain) != CODE_CHARACTERS or not set(plain) <= set(_ALPHABET):
        raise InvitationUnknown(text)
    return Code(plain)


_TYPED = str.maketrans("OIL", "011")


def accept(
    invitation: Invitation, person: PersonId, known: Acceptance | None, now_ms: int, *, is_verified: bool
) -> Acceptance:
    """What accepting comes to: the acceptance that stands, or a new one.

    Raises `InvitedBefore`, `OwnInvitation` or `AlreadyVerified`.
    """
    if known is not None:
        if known.code != invitation.code:
            raise InvitedBefore(person, invitation.campaign_id)
        return known
    if person == invitation.inviting:
        raise OwnInvitation(invitation.code)
    if is_verified:
        raise AlreadyVerified(person)
    return Acceptance(
        person, invitation.campaign_id, invitation.code, invitation.inviting, State.ACCEPTED, now_ms
    )


def judged(
    acceptance: Acceptance, *, invited_is_verified: bool, inviting_is_verified: bool, had_reward: bool
) -> State:
    """Where an acceptance stands; `had_reward` tells whether the two have earned with each other before."""
    if acceptance.has_ended:
        return acceptance.state
    if acceptance.invited == acceptance.inviting:
        return State.NOT_COUNTED
    if not invited_is_verified:
        return State.ACCEPTED
    if had_reward:
        return State.NOT_COUNTED
    return State.FULFILLED if inviting_is_verified else State.VERIFIED

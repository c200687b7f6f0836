"""What envelopes need from others."""

from __future__ import annotations

from typing import Protocol

from services.allocation.domain.envelopes.ask_errors import NotFriends
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.errors import NotInAudience
from services.allocation.domain.envelopes.order_errors import NotInGroup
from services.allocation.domain.envelopes.values import (
    EnvelopeId,
    EnvelopeTerms,
    Friends,
    GroupId,
    GroupMembers,
    OnePerson,
    Order,
    ParentPacket,
)
from services.allocation.domain.values import PersonId


class EnvelopeFunds(Protocol):
    """Settlement, which holds envelopes' money."""

    async def hold(self, terms: EnvelopeTerms) -> None:
        """Takes an envelope's money out of its sender's wallet. Idempotent by envelope.

        Raises `BalanceInsufficient`, `SenderUnverified`, `SenderLimitReached`, any other refusal of
        settlement, or an error of transport.
        """
        ...


class Relations(Protocol):
    """Social, which knows who belongs to whom. Both raise an error of transport when it does not answer."""

    async def are_friends(self, one: PersonId, other: PersonId) -> bool:
        """Whether the two are friends."""
        ...

    async def is_member(self, group_id: GroupId, person_id: PersonId) -> bool:
        """Whether the person is in the group."""
        ...


class Shares(Protocol):
    """The shares of all envelopes, wherever those are."""

    async def share(self, envelope_id: EnvelopeId, person_id: PersonId) -> ParentPacket:
        """What a person got out of an envelope. Raises `SHARE_UNKNOWN`, or an error of transport."""
        ...


async def check_claimant(relations: Relations, envelope: Envelope, person_id: PersonId) -> None:
    """Raises `NotInAudience` unless the envelope is for the person, at this moment."""
    order = envelope.terms.order
    match order.audience:
        case OnePerson(receiver_id):
            invited = person_id == receiver_id
        case GroupMembers(group_id):
            invited = await relations.is_member(group_id, person_id)
        case Friends():
            invited = person_id != order.sender_id and await relations.are_friends(order.sender_id, person_id)
    if not invited:
        raise NotInAudience(envelope.terms.envelope_id, person_id)


async def check_sender(relations: Relations, order: Order) -> None:
    """Raises `NotInGroup` unless the sender may send to this audience."""
    match order.audience:
        case GroupMembers(group_id) if not await relations.is_member(group_id, order.sender_id):
            raise NotInGroup(group_id, order.sender_id)


async def check_friends(relations: Relations, asker_id: PersonId, giver_id: PersonId) -> None:
    """Raises `NotFriends` unless the two are friends."""
    if not await relations.are_friends(asker_id, giver_id):
        raise NotFriends(asker_id, giver_id)

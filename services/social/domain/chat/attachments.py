"""What is sent along with messages: whose it must be, for whom, and where it stands."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from services.social.domain.chat.errors import AttachmentNotForConversation, AttachmentNotYours
from services.social.domain.chat.message import Attachment, CardAsk, Conversation, Gift, Packet
from services.social.domain.group import GroupId
from services.social.domain.relation import PersonId

CLAIMS_SHOWN_MAX = 10
"""Claims of a packet that are told with a message: the first ones."""


class State(enum.IntEnum):
    """Where something stands; numbers are the contract's `AttachmentState`."""

    UNKNOWN = 1
    OPEN = 2
    SOLD_OUT = 3
    EXPIRED = 4
    ACCEPTED = 5
    ANSWERED = 6
    DECLINED = 7
    TAKEN_BACK = 8
    BROKEN = 9
    GONE = 10

    @property
    def is_final(self) -> bool:
        """Whether it stays so for good."""
        return self not in (State.UNKNOWN, State.OPEN)


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody got out of a packet."""

    person: PersonId
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Status:
    """How something stood at a time."""

    state: State
    learned_ms: int
    """Milliseconds since the Unix epoch; for UNKNOWN, when it was asked for in vain."""
    claims: tuple[Claim, ...] = ()
    shares_claimed: int = 0
    share_count: int = 0
    claimed_fen: int = 0
    amount_fen: int = 0
    envelope_id: int = 0
    """The envelope that answers an ask for a packet, 0 for none."""

    def __post_init__(self) -> None:
        assert 0 <= self.claimed_fen <= self.amount_fen, "nobody claims more than there is"


@dataclass(frozen=True, slots=True)
class Sight:
    """What something is, for who wants to send it along."""

    owner: PersonId
    """Who sent the envelope, offers the card, or asks."""
    person: PersonId | None
    """The only one it is for; None when it is for several."""
    group_id: GroupId | None
    """The group that it is for; None when it is not for one. With neither it is for the owner's friends."""
    status: Status


def name_of(attachment: Attachment) -> str:
    """What it is called in errors."""
    if isinstance(attachment, Packet):
        return "packet"
    return "card" if isinstance(attachment, Gift) else "ask"


def asked_as(attachment: Attachment, sender: PersonId, conversation: Conversation) -> PersonId:
    """As whom it is asked for: an ask for a card is known at once only to who is asked."""
    if isinstance(attachment, CardAsk) and conversation.group_id is None:
        return conversation.other_than(sender)
    return sender


def check(sight: Sight, attachment: Attachment, sender: PersonId, conversation: Conversation) -> None:
    """Raises `AttachmentNotYours` or `AttachmentNotForConversation` unless it may be sent there.

    What is for the sender's friends goes to each of them; not to a group, where not everybody is one.
    """
    if sight.owner != sender:
        raise AttachmentNotYours(name_of(attachment))
    if conversation.group_id is not None:
        fits = sight.group_id == conversation.group_id
    else:
        friend = conversation.other_than(sender)
        fits = sight.group_id is None and sight.person in (None, friend)
    if not fits:
        raise AttachmentNotForConversation(name_of(attachment))

"""What a message is: who tells whom what, and the numbers that order it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from services.social.domain.group import GroupId
from services.social.domain.relation import PersonId

_GROUP = 0
"""Stands in the place of the lower person in what is the conversation of a group. Nobody has this number."""


@dataclass(frozen=True, slots=True, order=True)
class Conversation:
    """That of two people, or that of a group."""

    low: int
    """The lower person; 0 for a group."""
    high: int
    """The higher person, or the group."""

    def __post_init__(self) -> None:
        assert 0 <= self.low <= self.high, "people in order, or a group"

    @classmethod
    def of_two(cls, one: PersonId, other: PersonId) -> Conversation:
        """That of two people, whoever asks; empty for good when they are the same."""
        return cls(min(one, other), max(one, other))

    @classmethod
    def of_group(cls, group_id: GroupId) -> Conversation:
        """That of a group."""
        return cls(_GROUP, group_id)

    @property
    def group_id(self) -> GroupId | None:
        """The group; None for two people."""
        return GroupId(self.high) if self.low == _GROUP else None

    def other_than(self, person: PersonId) -> PersonId:
        """The other one of two people."""
        assert self.group_id is None, "a group has more than one other"
        assert person in (self.low, self.high), "one of the two asks"
        return PersonId(self.high if person == self.low else self.low)


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    words: str


@dataclass(frozen=True, slots=True)
class Packet:
    """An envelope that the sender has sent."""

    envelope_id: int


@dataclass(frozen=True, slots=True)
class Gift:
    """A card that the sender offers."""

    campaign_id: str
    exchange_id: str


@dataclass(frozen=True, slots=True)
class PacketAsk:
    """An ask for a packet."""

    ask_id: int


@dataclass(frozen=True, slots=True)
class CardAsk:
    """An ask for a card."""

    campaign_id: str
    exchange_id: str


Attachment = Packet | Gift | PacketAsk | CardAsk
"""Something that is sent along, and has a state of its own."""
Content = Text | Attachment
"""What a message says."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it has a number."""

    sender: PersonId
    conversation: Conversation
    content: Content
    request_id: str

    @property
    def message_id(self) -> int:
        """From sender and `request_id` alone, so that a repeat finds the same message: 63 bits."""
        digest = hashlib.sha256(f"message\x00{self.sender}\x00{self.request_id.lower()}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1 or 1

    def under(self, earlier: PersonId) -> Draft:
        """As the sender sent it under a number that they had before."""
        if self.conversation.group_id is not None:
            return replace(self, sender=earlier)
        other = self.conversation.other_than(self.sender)
        return replace(self, sender=earlier, conversation=Conversation.of_two(earlier, other))


@dataclass(frozen=True, slots=True)
class Kept:
    """What a durable message is known by."""

    seq: int
    """In its conversation, from 1."""
    sent_ms: int
    """Milliseconds since the Unix epoch; never falls within a conversation."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was kept."""

    conversation: Conversation
    seq: int
    sender: PersonId
    sent_ms: int
    content: Content | None
    """None when its words were erased."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in somebody's timeline."""

    inbox_seq: int
    message: Message


@dataclass(frozen=True, slots=True)
class Timeline:
    """Some of a person's timeline: entries right after a cursor, without gaps."""

    entries: tuple[Entry, ...]
    last_inbox_seq: int
    """The newest entry that there was, 0 for none."""

    def __post_init__(self) -> None:
        numbers = [entry.inbox_seq for entry in self.entries]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)) if numbers else ()), "no gaps"


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation, as one who takes part in it stands in it."""

    last_message: Message
    last_inbox_seq: int
    unread: int
    read_seq: int

    def __post_init__(self) -> None:
        assert self.unread >= 0, "nobody has read more than there is"


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a person has read a conversation."""

    read_seq: int
    unread: int
    """Messages of others after it."""

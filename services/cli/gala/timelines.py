"""Whether everybody has received what others were told is sent: exactly once and in order. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Conversation:
    """Two friends, by who they are, or a group."""

    kind: str
    number: int
    """The group, or the lower one of two people."""
    other: int = 0
    """The higher one of two people; 0 for a group."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message that the mesh has accepted, as its sender was told."""

    conversation: Conversation
    seq: int
    sender: int
    content: bytes
    receivers: frozenset[int]
    """In whose timelines it must be, the sender's own among them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in somebody's timeline."""

    inbox_seq: int
    conversation: Conversation
    seq: int
    sender: int
    content: bytes


def receivers_of(said: Iterable[Said]) -> set[int]:
    """Everybody who must have received something."""
    return {person_id for message in said for person_id in message.receivers}


def order_difference(said: Iterable[Said]) -> int:
    """How often somebody was told of a number that is not above that of what they had sent there before."""
    last: dict[tuple[Conversation, int], int] = defaultdict(int)
    wrong = 0
    for message in said:
        sender = (message.conversation, message.sender)
        wrong += message.seq <= last[sender]
        last[sender] = message.seq
    return wrong


def timeline_difference(reader: int, said: Iterable[Said], entries: Sequence[Entry]) -> int:
    """What is missing in a reader's timeline, too much, another message, or out of order."""
    expected = Counter(
        (message.conversation, message.seq, message.sender, message.content)
        for message in said
        if reader in message.receivers
    )
    found = Counter((entry.conversation, entry.seq, entry.sender, entry.content) for entry in entries)
    gaps = sum(entry.inbox_seq != number for number, entry in enumerate(entries, start=1))
    return (expected - found).total() + (found - expected).total() + gaps + _disorder(entries)


def _disorder(entries: Iterable[Entry]) -> int:
    """How often a message stands before one that was said earlier, or with a gap before it."""
    seqs: dict[Conversation, list[int]] = defaultdict(list)
    for entry in entries:
        seqs[entry.conversation].append(entry.seq)
    return sum(
        later != earlier + 1 for conversation in seqs.values() for earlier, later in pairwise(conversation)
    )

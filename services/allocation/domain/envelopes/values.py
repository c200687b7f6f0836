"""What envelopes and asks are agreed on: values that never change once they are on record."""

from __future__ import annotations

import enum
import hashlib
import itertools
import uuid
from dataclasses import dataclass
from typing import NewType

from services.allocation.domain.values import PersonId, StockId
from services.mesh.shards.hashing import shard_of

EnvelopeId = NewType("EnvelopeId", int)
AskId = NewType("AskId", int)
GroupId = NewType("GroupId", int)
"""A group of social."""

NO_ASK = AskId(0)


class EnvelopeKind(enum.IntEnum):
    """How an envelope is split. Numbers are the contract's."""

    SINGLE = 1
    LUCKY = 2
    EQUAL = 3


class EnvelopePhase(enum.IntEnum):
    """Where an envelope stands. Numbers are the contract's."""

    PENDING = 1
    OPEN = 2
    FINISHED = 3
    EXPIRED = 4
    REFUSED = 5


class AskPhase(enum.IntEnum):
    """Where an ask stands. Numbers are the contract's."""

    OPEN = 1
    ANSWERED = 2
    DECLINED = 3
    EXPIRED = 4


class RefusalCause(enum.IntEnum):
    """Why an envelope's money was not held. Numbers are the contract's."""

    BALANCE = 1
    """The sender's wallet does not cover it."""
    OTHER = 2
    """Settlement could not be asked in time, or refused for another reason."""
    UNVERIFIED = 3
    """Nobody is verified behind the sender."""
    LIMIT = 4
    """More would leave the sender's wallet than the sender's tier allows."""


@dataclass(frozen=True, slots=True)
class OnePerson:
    """This person may claim."""

    person_id: PersonId


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """Whoever is in the group when they claim, the sender included."""

    group_id: GroupId


@dataclass(frozen=True, slots=True)
class Friends:
    """Whoever is a friend of the sender when they claim."""


Audience = OnePerson | GroupMembers | Friends
"""Who may claim."""


@dataclass(frozen=True, slots=True)
class StockPacket:
    """What a person won from a stock."""

    stock_id: StockId


@dataclass(frozen=True, slots=True)
class EnvelopeShare:
    """What a person got out of an envelope."""

    envelope_id: EnvelopeId


Source = StockPacket | EnvelopeShare
"""A packet that can be sent on."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks to be sent."""

    sender_id: PersonId
    request_id: str
    """The sender's UUID for it."""
    kind: EnvelopeKind
    audience: Audience
    amount_fen: int
    """Sum of all shares. Of a packet that is sent on, 0 until it is looked up."""
    share_count: int
    note: str
    source: Source | None = None
    """The packet that is sent on; None for money of the sender's own."""
    ask_id: AskId = NO_ASK
    """The ask that it answers."""


@dataclass(frozen=True, slots=True)
class EnvelopeTerms:
    """What an envelope was created with, the seed apart."""

    envelope_id: EnvelopeId
    order: Order
    share_min_fen: int
    """The smallest that a share may be: part of the split."""
    fund_ends_ms: int
    """From when settlement does not take the money any more, milliseconds since the Unix epoch."""
    expires_ms: int
    """From when claims are refused, milliseconds since the Unix epoch."""
    lineage: tuple[Source, ...] = ()
    """The packets that it was made of, the oldest first; the last is the order's source."""
    source_until_ms: int = 0
    """How long it must be remembered that the source was sent on; 0 without one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an envelope never opened."""

    cause: RefusalCause
    available_fen: int = 0
    """What the sender's wallet had, or what may still leave it when the cause is the limit; else 0."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one person got out of an envelope."""

    index: int
    """Position in the order of claiming, from 0."""
    person_id: PersonId
    amount_fen: int
    claimed_ms: int
    """Milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class ParentPacket:
    """A packet that its owner wants to send on."""

    amount_fen: int
    got_ms: int
    """From when the time counts in which it can be sent on, milliseconds since the Unix epoch."""
    lineage: tuple[Source, ...]
    """The packets that it was made of itself, the oldest first."""


@dataclass(frozen=True, slots=True)
class AskTerms:
    """What an ask was made with."""

    ask_id: AskId
    asker_id: PersonId
    request_id: str
    """The asker's UUID for it."""
    giver_id: PersonId
    amount_fen: int
    """What the asker would like; 0 leaves it to the giver."""
    note: str
    expires_ms: int
    """From when it cannot be answered, milliseconds since the Unix epoch."""


def envelope_id_of(sender_id: PersonId, request_id: str, shard_count: int) -> EnvelopeId:
    """The id of a person's envelope, on the person's own shard, the same for every repeat of the request."""
    return EnvelopeId(_placed(b"hongbao envelope\0", sender_id, request_id, sender_id, shard_count))


def ask_id_of(asker_id: PersonId, request_id: str, giver_id: PersonId, shard_count: int) -> AskId:
    """The id of an ask, on the shard of the giver, the same for every repeat of the request."""
    return AskId(_placed(b"hongbao ask\0", asker_id, request_id, giver_id, shard_count))


def _placed(purpose: bytes, person_id: PersonId, request_id: str, home_id: PersonId, shard_count: int) -> int:
    """The first 63-bit hash of the request that lies on the shard of `home_id`; above 0."""
    home = shard_of(home_id, shard_count)
    key = purpose + person_id.to_bytes(8, "big") + uuid.UUID(request_id).bytes
    for attempt in itertools.count():
        digest = hashlib.sha256(key + attempt.to_bytes(4, "big")).digest()
        number = int.from_bytes(digest[:8], "big") >> 1
        if number > 0 and shard_of(number, shard_count) == home:
            return number
    raise AssertionError("counting does not end")

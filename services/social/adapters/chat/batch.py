"""One transaction's worth of chat: messages numbered, put into timelines, and positions moved.

Rows are locked conversation by conversation, then person by person, in the order of their keys, and held to
the commit. So numbers become visible in their order without gaps, and replicas that write at the same moment
wait for each other without ever waiting in a circle.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from services.mesh.errors import ServiceError
from services.social.adapters.chat.columns import Columns
from services.social.adapters.chat.marks import Mark, move
from services.social.adapters.chat.merging import check_unmerged, earlier_of_all, moved, now_of
from services.social.adapters.chat.tables import messages
from services.social.domain.chat.message import Conversation, Kept, Position
from services.social.domain.errors import RequestIdReused
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message as it is stored, and who receives it."""

    message_id: int
    request_id: str
    conversation: Conversation
    sender: PersonId
    writer: PersonId
    """Under whose key words are sealed: the sender, by the number that they had then."""
    kind: int
    body: bytes
    digest: bytes
    receivers: tuple[PersonId, ...]
    """By rising number, the sender among them."""
    under: Callable[[PersonId], tuple[int, bytes]]
    """Number and digest of the same message, sent under a number that the sender had before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch."""

    kept: Sequence[Kept | ServiceError]
    """One for each message."""
    positions: Sequence[Position | ServiceError]
    """One for each mark."""
    newest: Mapping[PersonId, int]
    """The last entry of each timeline that grew."""


def write(connection: sa.Connection, sealed: Sequence[Sealed], marks: Sequence[Mark], now_ms: int) -> Outcome:
    """Keeps messages in their order, then moves positions. To be run again when another writer was faster."""
    sealed = renamed(connection, sealed)
    durable = known(connection, [message.message_id for message in sealed])
    sealed = _as_sent_before(connection, sealed, durable)
    new = dict[int, Sealed]()
    for message in sealed:
        if message.message_id not in durable:
            new.setdefault(message.message_id, message)
    newest = dict[PersonId, int]()
    if new:
        kept = _number(connection, list(new.values()), now_ms)
        newest = _deliver(connection, list(new.values()), kept)
        durable |= {number: (new[number].digest, kept[number]) for number in new}
    outcomes = [_outcome(message, *durable[message.message_id]) for message in sealed]
    return Outcome(outcomes, move(connection, marks), newest)


def renamed(connection: sa.Connection, sealed: Sequence[Sealed]) -> Sequence[Sealed]:
    """The messages among who people are by now: their own numbers, so that a repeat finds them, stay."""
    people = {person for message in sealed for person in message.receivers}
    now = now_of(connection, people)
    if not now:
        return sealed
    return [
        replace(
            message,
            sender=now.get(message.sender, message.sender),
            conversation=moved(message.conversation, now),
            receivers=tuple(sorted({now.get(person, person) for person in message.receivers})),
        )
        for message in sealed
    ]


def _as_sent_before(
    connection: sa.Connection, sealed: Sequence[Sealed], durable: dict[int, tuple[bytes, Kept]]
) -> Sequence[Sealed]:
    """Repeats of what senders sent before they turned out to be who they are, as they were then.

    Adds what those are known by.
    """
    missing = [message for message in sealed if message.message_id not in durable]
    earlier = earlier_of_all(connection, {message.sender for message in missing})
    if not earlier:
        return sealed
    names = [
        (message, *message.under(number)) for message in missing for number in earlier.get(message.sender, ())
    ]
    found = known(connection, [message_id for _, message_id, _ in names])
    durable |= found
    before = {
        message.message_id: replace(message, message_id=message_id, digest=digest)
        for message, message_id, digest in names
        if message_id in found
    }
    return [before.get(message.message_id, message) for message in sealed]


def known(connection: sa.Connection, message_ids: Sequence[int]) -> dict[int, tuple[bytes, Kept]]:
    """Those of the messages that are kept: their digests, and what they are known by."""
    found = _FIND.rows(connection, ([number] for number in message_ids))
    return {row.message_id: (bytes(row.digest), Kept(row.seq, row.sent_ms)) for row in found}


def _outcome(message: Sealed, digest: bytes, kept: Kept) -> Kept | ServiceError:
    return kept if digest == message.digest else RequestIdReused(message.request_id)


def _number(connection: sa.Connection, new: Sequence[Sealed], now_ms: int) -> dict[int, Kept]:
    """Gives messages their numbers and writes them."""
    counts = Counter(message.conversation for message in new)
    rows = [(place.low, place.high, count, now_ms) for place, count in counts.items()]
    heads = {
        Conversation(row.low_id, row.high_id): (row.last_seq, row.last_ms)
        for row in _CONVERSATIONS.rows(connection, rows)
    }
    next_seq = {place: heads[place][0] - count for place, count in counts.items()}
    kept = {}
    for message in new:
        next_seq[message.conversation] += 1
        kept[message.message_id] = Kept(next_seq[message.conversation], heads[message.conversation][1])
    connection.execute(messages.insert(), [_row(message, kept[message.message_id]) for message in new])
    return kept


def _row(message: Sealed, kept: Kept) -> dict[str, object]:
    return {
        "low_id": message.conversation.low,
        "high_id": message.conversation.high,
        "seq": kept.seq,
        "message_id": message.message_id,
        "sender_person_id": message.sender,
        "writer_person_id": message.writer,
        "sent_ms": kept.sent_ms,
        "kept_ms": kept.sent_ms,
        "kind": message.kind,
        "body": message.body,
        "digest": message.digest,
    }


def _deliver(
    connection: sa.Connection, new: Sequence[Sealed], kept: Mapping[int, Kept]
) -> dict[PersonId, int]:
    """Puts messages into the timelines of their receivers; the last entry of each timeline."""
    counts = Counter(person for message in new for person in message.receivers)
    newest = {PersonId(row.person_id): int(row.inbox_seq) for row in PEOPLE.rows(connection, counts.items())}
    check_unmerged(connection, counts)
    next_seq = {person: newest[person] - count for person, count in counts.items()}
    received = defaultdict[tuple[PersonId, Conversation], int](int)
    last = dict[tuple[PersonId, Conversation], tuple[int, int]]()
    entries = []
    for message in new:
        place, seq = message.conversation, kept[message.message_id].seq
        for person in message.receivers:
            next_seq[person] += 1
            received[person, place] += person != message.sender
            last[person, place] = (seq, next_seq[person])
            entries.append((person, place, next_seq[person], seq, received[person, place]))
    rows = [
        (person, place.low, place.high, received[person, place], *numbers)
        for (person, place), numbers in last.items()
    ]
    before = {
        (PersonId(row.person_id), Conversation(row.low_id, row.high_id)): int(row.received)
        for row in _THREADS.rows(connection, rows)
    }
    # What came back is the sum with this batch; positions count on from what was there before it.
    base = {key: total - received[key] for key, total in before.items()}
    _INBOX.run(
        connection,
        (
            (person, inbox_seq, place.low, place.high, seq, base[person, place] + count)
            for person, place, inbox_seq, seq, count in entries
        ),
    )
    return newest


_FIND = Columns(
    "SELECT known.message_id, known.seq, known.sent_ms, known.digest FROM ({rows}) AS wanted"
    " JOIN chat_messages AS known ON known.message_id = wanted.message_id",
    "message_id",
)
_CONVERSATIONS = Columns(
    "INSERT INTO chat_conversations (low_id, high_id, last_seq, last_ms) {rows}"
    " ON CONFLICT (low_id, high_id) DO UPDATE SET last_seq = chat_conversations.last_seq + excluded.last_seq,"
    " last_ms = CASE WHEN excluded.last_ms > chat_conversations.last_ms THEN excluded.last_ms"
    " ELSE chat_conversations.last_ms END"
    " RETURNING low_id, high_id, last_seq, last_ms",
    "low_id ordered",
    "high_id ordered",
    "last_seq",
    "last_ms",
)
PEOPLE = Columns(
    "INSERT INTO chat_people (person_id, inbox_seq) {rows}"
    " ON CONFLICT (person_id) DO UPDATE SET inbox_seq = chat_people.inbox_seq + excluded.inbox_seq"
    " RETURNING person_id, inbox_seq",
    "person_id ordered",
    "inbox_seq",
)
_THREADS = Columns(
    "INSERT INTO chat_threads (person_id, low_id, high_id, received, last_seq, last_inbox_seq) {rows}"
    " ON CONFLICT (person_id, low_id, high_id) DO UPDATE SET"
    " received = chat_threads.received + excluded.received,"
    " last_seq = excluded.last_seq, last_inbox_seq = excluded.last_inbox_seq"
    " RETURNING person_id, low_id, high_id, received",
    "person_id ordered",
    "low_id ordered",
    "high_id ordered",
    "received",
    "last_seq",
    "last_inbox_seq",
)
_INBOX = Columns(
    "INSERT INTO chat_inbox (person_id, inbox_seq, low_id, high_id, seq, position) {rows}",
    "person_id",
    "inbox_seq",
    "low_id",
    "high_id",
    "seq",
    "position",
)

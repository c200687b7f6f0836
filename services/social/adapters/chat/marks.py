"""Positions up to which people have read: they move forward, never back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Statement
from services.mesh.errors import ServiceError
from services.social.adapters.chat.columns import Columns
from services.social.adapters.chat.tables import inbox, threads
from services.social.domain.chat.errors import MessageUnknown
from services.social.domain.chat.message import Conversation, Position
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class Mark:
    """Somebody has read a conversation up to a message."""

    person: PersonId
    conversation: Conversation
    up_to_seq: int


def move(connection: sa.Connection, marks: Sequence[Mark]) -> list[Position | ServiceError]:
    """What becomes of each mark. Rows are locked in the order of their keys, whatever that of the marks."""
    hold(connection, {(mark.person, mark.conversation) for mark in marks})
    found = dict[Mark, Position | ServiceError]()
    for mark in sorted(set(marks), key=lambda mark: (mark.person, mark.conversation, mark.up_to_seq)):
        found[mark] = _moved(connection, mark)
    return [found[mark] for mark in marks]


def hold(connection: sa.Connection, places: Collection[tuple[PersonId, Conversation]]) -> None:
    """Nobody else moves these positions until the commit: totals read after it are of no earlier moment."""
    if places:
        _HOLD.run(connection, [(person, place.low, place.high) for person, place in places])


def _moved(connection: sa.Connection, mark: Mark) -> Position | ServiceError:
    place = {"person": mark.person, "low": mark.conversation.low, "high": mark.conversation.high}
    thread = _THREAD.first(connection, place)
    if thread is None or mark.up_to_seq > thread.last_seq:
        return MessageUnknown(mark.person, mark.up_to_seq)
    row = _POSITION.first(connection, place | {"up_to": mark.up_to_seq})
    key = (mark.person, mark.conversation.low, mark.conversation.high)
    # Before everything that is kept: nothing of it is read.
    position = 0 if row is None else row.position
    (after,) = MOVE.rows(connection, [(*key, mark.up_to_seq, position)])
    return Position(after.read_seq, thread.received - after.position)


# A row for everybody who has received something there, and for nobody else.
_HOLD = Columns(
    "INSERT INTO chat_reads (person_id, low_id, high_id, read_seq, position)"
    " SELECT wanted.person_id, wanted.low_id, wanted.high_id, 0, 0 FROM ({rows}) AS wanted"
    " JOIN chat_threads AS known ON known.person_id = wanted.person_id"
    " AND known.low_id = wanted.low_id AND known.high_id = wanted.high_id WHERE true ORDER BY 1, 2, 3"
    " ON CONFLICT (person_id, low_id, high_id) DO UPDATE SET read_seq = chat_reads.read_seq",
    "person_id",
    "low_id",
    "high_id",
)
_THREAD = Statement(
    sa.select(threads.c.received, threads.c.last_seq).where(
        threads.c.person_id == bindparam("person"),
        threads.c.low_id == bindparam("low"),
        threads.c.high_id == bindparam("high"),
    )
)
_POSITION = Statement(
    sa.select(inbox.c.position)
    .where(
        inbox.c.person_id == bindparam("person"),
        inbox.c.low_id == bindparam("low"),
        inbox.c.high_id == bindparam("high"),
        inbox.c.seq <= bindparam("up_to"),
    )
    .order_by(inbox.c.seq.desc())
    .limit(1)
)
MOVE = Columns(
    "INSERT INTO chat_reads (person_id, low_id, high_id, read_seq, position) {rows}"
    " ON CONFLICT (person_id, low_id, high_id) DO UPDATE SET"
    " read_seq = CASE WHEN excluded.read_seq > chat_reads.read_seq THEN excluded.read_seq"
    " ELSE chat_reads.read_seq END,"
    " position = CASE WHEN excluded.read_seq > chat_reads.read_seq THEN excluded.position"
    " ELSE chat_reads.position END"
    " RETURNING read_seq, position",
    "person_id ordered",
    "low_id ordered",
    "high_id ordered",
    "read_seq",
    "position",
)

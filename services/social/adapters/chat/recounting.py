"""What a person has received and read of a conversation, counted anew from what is there."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Statement
from services.social.adapters.chat.marks import MOVE
from services.social.adapters.chat.tables import inbox, messages, reads, threads
from services.social.domain.chat.message import Conversation
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of a conversation somebody has read."""

    read_seq: int
    unread: int

    def followed_by(self, later: Reading, shift: int) -> int:
        """Up to where they have read when another one follows, with its numbers raised by `shift`.

        What was unread before stays so, and everything after it. In the same conversation the position that
        is further counts.
        """
        if not shift:
            return max(self.read_seq, later.read_seq)
        return later.read_seq + shift if later.read_seq and not self.unread else self.read_seq


def reading_of(connection: sa.Connection, person: PersonId, place: Conversation) -> Reading:
    """How much somebody has read by now."""
    row = _READING.first(connection, _key(person, place))
    return Reading(0, 0) if row is None else Reading(row.read_seq, row.unread)


def recount(connection: sa.Connection, person: PersonId, place: Conversation, read_seq: int) -> None:
    """Sets positions, totals and what is read by the messages that the person has, in their order."""
    key = _key(person, place)
    position = read_position = last_seq = last_inbox_seq = 0
    for row in _RECEIVED.rows(connection, key):
        position += row.sender_person_id != person
        if row.position != position:
            _POSITION.run(connection, {"whose": person, "at": row.inbox_seq, "now": position})
        if row.seq <= read_seq:
            read_position = position
        last_seq, last_inbox_seq = row.seq, max(last_inbox_seq, row.inbox_seq)
    _FORGET_THREAD.run(connection, key)
    _FORGET_READ.run(connection, key)
    if last_seq:
        _THREAD.run(
            connection,
            {
                "person_id": person,
                "low_id": place.low,
                "high_id": place.high,
                "received": position,
                "last_seq": last_seq,
                "last_inbox_seq": last_inbox_seq,
            },
        )
    if read_seq:
        MOVE.rows(connection, [(person, place.low, place.high, read_seq, read_position)])


def _key(person: PersonId, place: Conversation) -> dict[str, int]:
    return {"person": person, "low": place.low, "high": place.high}


def _of(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.person_id == bindparam("person"),
        table.c.low_id == bindparam("low"),
        table.c.high_id == bindparam("high"),
    )


_READING = Statement(
    sa.select(
        sa.func.coalesce(reads.c.read_seq, 0).label("read_seq"),
        (threads.c.received - sa.func.coalesce(reads.c.position, 0)).label("unread"),
    )
    .select_from(threads)
    .outerjoin(
        reads,
        sa.and_(
            reads.c.person_id == threads.c.person_id,
            reads.c.low_id == threads.c.low_id,
            reads.c.high_id == threads.c.high_id,
        ),
    )
    .where(_of(threads))
)
_RECEIVED = Statement(
    sa.select(inbox.c.inbox_seq, inbox.c.seq, inbox.c.position, messages.c.sender_person_id)
    .join(
        messages,
        sa.and_(
            messages.c.low_id == inbox.c.low_id,
            messages.c.high_id == inbox.c.high_id,
            messages.c.seq == inbox.c.seq,
        ),
    )
    .where(_of(inbox))
    .order_by(inbox.c.seq)
)
_POSITION = Statement(
    inbox.update()
    .where(inbox.c.person_id == bindparam("whose"), inbox.c.inbox_seq == bindparam("at"))
    .values(position=bindparam("now"))
)
_FORGET_THREAD = Statement(threads.delete().where(_of(threads)))
_FORGET_READ = Statement(reads.delete().where(_of(reads)))
_THREAD = Statement(threads.insert())

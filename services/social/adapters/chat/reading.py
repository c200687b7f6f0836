"""Timelines, conversations and single messages as they are read. Words come out sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Row, Statement
from services.social.adapters.chat.columns import Columns
from services.social.adapters.chat.tables import inbox, messages, people, purges, reads, threads
from services.social.domain.chat.errors import InboxCursorAhead, InboxPurged
from services.social.domain.chat.message import Conversation
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class TimelineRows:
    """Some of a timeline as it is stored."""

    rows: Sequence[Row]
    last_inbox_seq: int


@dataclass(frozen=True, slots=True)
class ThreadRows:
    """Some of a person's conversations as they are stored."""

    rows: Sequence[Row]
    unread_total: int


def timeline(connection: sa.Connection, person: PersonId, after: int, limit: int) -> TimelineRows:
    """Entries right after a cursor, without gaps; 0 begins with the first that is kept.

    Raises `InboxCursorAhead` and `InboxPurged`.
    """
    head = _HEAD.first(connection, {"person": person})
    last = 0 if head is None else int(head.inbox_seq)
    if after > last:
        raise InboxCursorAhead(after, last)
    purged = _purged(connection, person)
    if 0 < after < purged:
        raise InboxPurged(after, purged)
    begin = max(after, purged)
    found = _ENTRIES.rows(connection, {"person": person, "after": begin, "limit": limit})
    if found and found[0].inbox_seq != begin + 1:
        # They were purged between the two statements.
        raise InboxPurged(after, _purged(connection, person))
    return TimelineRows(found, max(last, found[-1].inbox_seq) if found else last)


def page(
    connection: sa.Connection,
    person: PersonId,
    conversation: Conversation,
    beyond: int,
    limit: int,
    *,
    newest_first: bool,
) -> Sequence[Row]:
    """Messages of a conversation that are in the person's timeline, beyond a number; 0 for all."""
    place = {"person": person, "low": conversation.low, "high": conversation.high, "limit": limit}
    if newest_first:
        return _OLDER.rows(connection, place | {"beyond": beyond or _BEYOND_ALL})
    return _NEWER.rows(connection, place | {"beyond": beyond})


def listed(connection: sa.Connection, person: PersonId, before: int, limit: int) -> ThreadRows:
    """Conversations whose last entry is before a number, the newest first; 0 for all."""
    found = _THREADS.rows(connection, {"person": person, "before": before or _BEYOND_ALL, "limit": limit})
    total = _UNREAD.first(connection, {"person": person})
    return ThreadRows(found, 0 if total is None else int(total.unread or 0))


def heads(connection: sa.Connection, watched: Sequence[PersonId]) -> dict[PersonId, int]:
    """The newest entries of many timelines; people without any are left out."""
    rows = _HEADS.rows(connection, ([person] for person in watched))
    return {PersonId(row.person_id): int(row.inbox_seq) for row in rows}


def _purged(connection: sa.Connection, person: PersonId) -> int:
    row = _PURGED.first(connection, {"person": person})
    return 0 if row is None else int(row.inbox_seq)


_BEYOND_ALL = 2**63 - 1
_columns = (
    messages.c.low_id,
    messages.c.high_id,
    messages.c.seq,
    messages.c.message_id,
    messages.c.sender_person_id,
    messages.c.writer_person_id,
    messages.c.sent_ms,
    messages.c.kind,
    messages.c.body,
)
_of_person = inbox.c.person_id == bindparam("person")
_its_message = sa.and_(
    messages.c.low_id == inbox.c.low_id,
    messages.c.high_id == inbox.c.high_id,
    messages.c.seq == inbox.c.seq,
)
_HEAD = Statement(sa.select(people.c.inbox_seq).where(people.c.person_id == bindparam("person")))
_PURGED = Statement(sa.select(purges.c.inbox_seq).where(purges.c.person_id == bindparam("person")))
_ENTRIES = Statement(
    sa.select(inbox.c.inbox_seq, *_columns)
    .join(messages, _its_message)
    .where(_of_person, inbox.c.inbox_seq > bindparam("after"))
    .order_by(inbox.c.inbox_seq)
    .limit(bindparam("limit"))
)
_in_conversation = (
    sa.select(*_columns)
    .select_from(inbox)
    .join(messages, _its_message)
    .where(_of_person, inbox.c.low_id == bindparam("low"), inbox.c.high_id == bindparam("high"))
    .limit(bindparam("limit"))
)
_OLDER = Statement(_in_conversation.where(inbox.c.seq < bindparam("beyond")).order_by(inbox.c.seq.desc()))
_NEWER = Statement(_in_conversation.where(inbox.c.seq > bindparam("beyond")).order_by(inbox.c.seq))
_its_reads = sa.and_(
    reads.c.person_id == threads.c.person_id,
    reads.c.low_id == threads.c.low_id,
    reads.c.high_id == threads.c.high_id,
)
_unread = threads.c.received - sa.func.coalesce(reads.c.position, 0)
_THREADS = Statement(
    sa.select(
        threads.c.last_inbox_seq,
        _unread.label("unread"),
        sa.func.coalesce(reads.c.read_seq, 0).label("read_seq"),
        *_columns,
    )
    .select_from(threads)
    .join(
        messages,
        sa.and_(
            messages.c.low_id == threads.c.low_id,
            messages.c.high_id == threads.c.high_id,
            messages.c.seq == threads.c.last_seq,
        ),
    )
    .outerjoin(reads, _its_reads)
    .where(threads.c.person_id == bindparam("person"), threads.c.last_inbox_seq < bindparam("before"))
    .order_by(threads.c.last_inbox_seq.desc())
    .limit(bindparam("limit"))
)
_UNREAD = Statement(
    sa.select(sa.func.sum(_unread).label("unread"))
    .select_from(threads)
    .outerjoin(reads, _its_reads)
    .where(threads.c.person_id == bindparam("person"))
)
_HEADS = Columns(
    "SELECT known.person_id, known.inbox_seq FROM ({rows}) AS wanted"
    " JOIN chat_people AS known ON known.person_id = wanted.person_id",
    "person_id",
)

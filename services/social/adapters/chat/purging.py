"""Letting go of what is older than messages are kept: some at a time, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger
from services.social.adapters.chat.batch import PEOPLE
from services.social.adapters.chat.columns import Columns
from services.social.adapters.chat.marks import MOVE, hold
from services.social.adapters.chat.tables import attachments, inbox, messages, threads
from services.social.domain.chat.message import Conversation
from services.social.domain.relation import PersonId

_log = get_logger("social.chat")


class Purge:
    """Takes messages out of every timeline, and then away, when their time is over."""

    def __init__(
        self, database: Database, clock: Clock, *, keep_ms: int, batch_messages: int, pause_s: float
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep_ms = keep_ms
        self._batch_messages = batch_messages
        self._pause_s = pause_s

    async def run(self) -> None:
        """Purges again and again, with pauses."""
        while True:
            await self._clock.sleep(self._pause_s)
            try:
                await self.all()
            except ServiceError as failure:
                # What is left is taken the next time.
                _log.warning("purging messages failed", reason=failure.reason)

    async def all(self) -> int:
        """Takes away everything that is too old by now; how many messages it was."""
        before_ms = self._clock.now_ms() - self._keep_ms
        total = 0
        while True:
            count = await self._database.write(
                lambda connection: purge(connection, before_ms, self._batch_messages)
            )
            total += count
            if count < self._batch_messages:
                return total


def purge(connection: sa.Connection, before_ms: int, limit: int) -> int:
    """Takes the oldest messages from before a time away, about `limit`; how many were found to go."""
    found = _OLDEST.rows(connection, {"before_ms": before_ms, "limit": limit})
    last = dict[Conversation, int]()
    for row in found:
        place = Conversation(row.low_id, row.high_id)
        last[place] = max(last.get(place, 0), row.seq)
    for place in sorted(last):
        _cut(connection, place, last[place], before_ms)
    _FORGET_ENDS.run(connection, {"before_ms": before_ms, "limit": limit})
    return len(found)


def _cut(connection: sa.Connection, place: Conversation, up_to_seq: int, before_ms: int) -> None:
    """Takes a conversation's messages up to a number out of all timelines. What is gone is not unread."""
    cut = {"low": place.low, "high": place.high, "up_to": up_to_seq}
    gone, read = [], []
    people = _people(connection, place)
    hold(connection, {(person, place) for person in people})
    for person in people:
        row = _LAST.first(connection, cut | {"person": person})
        if row is not None and row.inbox_seq is not None:
            read.append((person, place.low, place.high, up_to_seq, row.position))
            _DELETE_ENTRIES.run(connection, cut | {"person": person})
            gone.append((person, _close_up(connection, person, row.inbox_seq, before_ms)))
    _GONE.run(connection, gone)
    MOVE.rows(connection, read)
    _DELETE_MESSAGES.run(connection, cut)


def _close_up(connection: sa.Connection, person: PersonId, last_gone: int, before_ms: int) -> int:
    """Up to where a timeline is gone, now that some entries were taken out up to a number.

    Clocks of replicas differ, and what came by a merge is older than what stands before it. An entry that is
    not due yet goes up into the place of what is gone: no reader that keeps up is past it, and nobody
    misses it.
    """
    below = {"person": person, "below": last_gone}
    first = _FIRST_LEFT.first(connection, below | {"before_ms": before_ms})
    if first is None:
        return last_gone
    PEOPLE.rows(connection, [(person, 0)])  # Held: a merge moves entries of it, too.
    number = last_gone
    for row in _LEFT.rows(connection, below | {"first": first.inbox_seq}):
        _RENUMBER.run(connection, {"whose": person, "at": row.inbox_seq, "now": number})
        thread = {"whose": person, "low": row.low_id, "high": row.high_id}
        _RENUMBER_THREAD.run(connection, thread | {"at": row.inbox_seq, "now": number})
        number -= 1
    return number


def _people(connection: sa.Connection, place: Conversation) -> Sequence[PersonId]:
    """Everybody who has ever received a message of the conversation, by rising number."""
    if place.group_id is None:
        return [PersonId(place.low), PersonId(place.high)]
    rows = _OF_GROUP.rows(connection, {"high": place.high})
    return [PersonId(row.person_id) for row in rows]


_OLDEST = Statement(
    sa.select(messages.c.low_id, messages.c.high_id, messages.c.seq)
    .where(messages.c.kept_ms < bindparam("before_ms"))
    .order_by(messages.c.kept_ms)
    .limit(bindparam("limit"))
)
_up_to = sa.and_(
    inbox.c.person_id == bindparam("person"),
    inbox.c.low_id == bindparam("low"),
    inbox.c.high_id == bindparam("high"),
    inbox.c.seq <= bindparam("up_to"),
)
_LAST = Statement(
    sa.select(
        sa.func.max(inbox.c.inbox_seq).label("inbox_seq"), sa.func.max(inbox.c.position).label("position")
    ).where(_up_to)
)
_below = sa.and_(inbox.c.person_id == bindparam("person"), inbox.c.inbox_seq < bindparam("below"))
_FIRST_LEFT = Statement(
    sa.select(inbox.c.inbox_seq)
    .join(
        messages,
        sa.and_(
            messages.c.low_id == inbox.c.low_id,
            messages.c.high_id == inbox.c.high_id,
            messages.c.seq == inbox.c.seq,
        ),
    )
    .where(_below, messages.c.kept_ms >= bindparam("before_ms"))
    .order_by(inbox.c.inbox_seq)
    .limit(1)
)
_LEFT = Statement(
    sa.select(inbox.c.inbox_seq, inbox.c.low_id, inbox.c.high_id)
    .where(_below, inbox.c.inbox_seq >= bindparam("first"))
    .order_by(inbox.c.inbox_seq.desc())
)
_RENUMBER = Statement(
    inbox.update()
    .where(inbox.c.person_id == bindparam("whose"), inbox.c.inbox_seq == bindparam("at"))
    .values(inbox_seq=bindparam("now"))
)
_RENUMBER_THREAD = Statement(
    threads.update()
    .where(
        threads.c.person_id == bindparam("whose"),
        threads.c.low_id == bindparam("low"),
        threads.c.high_id == bindparam("high"),
        threads.c.last_inbox_seq == bindparam("at"),
    )
    .values(last_inbox_seq=bindparam("now"))
)
_DELETE_ENTRIES = Statement(inbox.delete().where(_up_to))
_DELETE_MESSAGES = Statement(
    messages.delete().where(
        messages.c.low_id == bindparam("low"),
        messages.c.high_id == bindparam("high"),
        messages.c.seq <= bindparam("up_to"),
    )
)
_OF_GROUP = Statement(
    sa.select(threads.c.person_id)
    .where(threads.c.low_id == sa.literal_column("0"), threads.c.high_id == bindparam("high"))
    .order_by(threads.c.person_id)
)
_GONE = Columns(
    "INSERT INTO chat_purges (person_id, inbox_seq) {rows}"
    " ON CONFLICT (person_id) DO UPDATE SET inbox_seq = CASE"
    " WHEN excluded.inbox_seq > chat_purges.inbox_seq THEN excluded.inbox_seq"
    " ELSE chat_purges.inbox_seq END",
    "person_id ordered",
    "inbox_seq",
)
_FORGET_ENDS = Statement(
    attachments.delete().where(
        attachments.c.name.in_(
            sa.select(attachments.c.name)
            .where(attachments.c.learned_ms < bindparam("before_ms"))
            .limit(bindparam("limit"))
        )
    )
)

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
        _cut(connection, place, last[place])
    _FORGET_ENDS.run(connection, {"before_ms": before_ms, "limit": limit})
    return len(found)


def _cut(connection: sa.Connection, place: Conversation, up_to_seq: int) -> None:
    """Takes a conversation's messages up to a number out of all timelines. What is gone is not unread."""
    cut = {"low": place.low, "high": place.high, "up_to": up_to_seq}
    gone, read = [], []
    people = _people(connection, place)
    hold(connection, {(person, place) for person in people})
    for person in people:
        row = _LAST.first(connection, cut | {"person": person})
        if row is not None:
            gone.append((person, row.inbox_seq))
            read.append((person, place.low, place.high, up_to_seq, row.position))
            _DELETE_ENTRIES.run(connection, cut | {"person": person})
    _GONE.run(connection, gone)
    MOVE.rows(connection, read)
    _DELETE_MESSAGES.run(connection, cut)


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
    sa.select(inbox.c.inbox_seq, inbox.c.position).where(_up_to).order_by(inbox.c.seq.desc()).limit(1)
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

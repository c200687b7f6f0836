"""Messages over a database of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from services.mesh.clock import Clock
from services.mesh.database.crew import Unit
from services.mesh.database.database import Database, DatabaseOverloaded
from services.mesh.database.statement import Row
from services.social.adapters.chat import batch, reading
from services.social.adapters.chat.batch import Outcome, Sealed
from services.social.adapters.chat.contents import TEXT, content_of, kind_of, name_of, place_of
from services.social.adapters.chat.desk import Desk, DeskLimits
from services.social.adapters.chat.marks import Mark
from services.social.adapters.chat.merging import earlier_of
from services.social.adapters.chat.texts import Opener, Texts
from services.social.domain.chat.errors import ChatOverloaded
from services.social.domain.chat.message import (
    Conversation,
    Draft,
    Entry,
    Kept,
    Message,
    Position,
    Text,
    Thread,
    Timeline,
)
from services.social.domain.chat.places import RETRY_DELAY_MS
from services.social.domain.chat.ports import Threads
from services.social.domain.errors import RequestIdReused
from services.social.domain.relation import PersonId

T = TypeVar("T")
Announce = Callable[[Mapping[PersonId, int]], None]
"""Tells whoever watches how far timelines have grown; on the event loop, once it is durable."""


class SqlChatStore:
    """`ChatStore` over a `Database`."""

    def __init__(
        self, database: Database, texts: Texts, clock: Clock, limits: DeskLimits, announce: Announce
    ) -> None:
        self._database = database
        self._texts = texts
        self._clock = clock
        self._announce = announce
        self._desk = Desk(self._write, clock, limits)

    def check_room(self) -> None:
        """See `ChatStore.check_room`."""
        self._desk.check_room()

    async def keep(self, draft: Draft, receivers: Collection[PersonId]) -> Kept:
        """See `ChatStore.keep`."""
        content, message_id = draft.content, draft.message_id
        if isinstance(content, Text):
            body = await self._texts.seal(draft.sender, place_of(message_id), content.words)
        else:
            body = name_of(content).encode()
        sealed = Sealed(
            message_id=message_id,
            request_id=draft.request_id,
            conversation=draft.conversation,
            sender=draft.sender,
            writer=draft.sender,
            kind=kind_of(content),
            body=body,
            digest=self._digest(draft),
            receivers=tuple(sorted({*receivers, draft.sender})),
            under=lambda earlier: self._name(draft.under(earlier)),
        )
        return await self._desk.keep(sealed)

    async def find(self, draft: Draft) -> Kept | None:
        """See `ChatStore.find`."""

        def unit(connection: sa.Connection) -> tuple[bytes, bytes, Kept] | None:
            numbers = earlier_of(connection, draft.sender)
            names = [self._name(sent) for sent in (draft, *map(draft.under, numbers))]
            known = batch.known(connection, [message_id for message_id, _ in names])
            found = [(digest, *known[message_id]) for message_id, digest in names if message_id in known]
            return found[0] if found else None

        found = await self._read(unit)
        if found is None:
            return None
        wanted, digest, kept = found
        if digest != wanted:
            raise RequestIdReused(draft.request_id)
        return kept

    async def mark(self, person: PersonId, conversation: Conversation, up_to_seq: int) -> Position:
        """See `ChatStore.mark`."""
        return await self._desk.mark(Mark(person, conversation, up_to_seq))

    async def timeline(self, person: PersonId, after_inbox_seq: int, limit: int) -> Timeline:
        """See `ChatStore.timeline`."""
        found = await self._read(partial(reading.timeline, person=person, after=after_inbox_seq, limit=limit))
        openers = await self._openers(found.rows)
        entries = (Entry(row.inbox_seq, _message(row, openers)) for row in found.rows)
        return Timeline(tuple(entries), found.last_inbox_seq)

    async def messages(
        self, person: PersonId, conversation: Conversation, beyond_seq: int, limit: int, *, newest_first: bool
    ) -> Sequence[Message]:
        """See `ChatStore.messages`."""
        rows = await self._read(
            lambda connection: reading.page(
                connection, person, conversation, beyond_seq, limit, newest_first=newest_first
            )
        )
        openers = await self._openers(rows)
        return [_message(row, openers) for row in rows]

    async def threads(self, person: PersonId, before_inbox_seq: int, limit: int) -> Threads:
        """See `ChatStore.threads`."""
        found = await self._read(partial(reading.listed, person=person, before=before_inbox_seq, limit=limit))
        openers = await self._openers(found.rows)
        threads = [
            Thread(_message(row, openers), row.last_inbox_seq, row.unread, row.read_seq) for row in found.rows
        ]
        return Threads(threads, found.unread_total)

    async def heads(self, watched: Sequence[PersonId]) -> Mapping[PersonId, int]:
        """The newest entries of many timelines; people without any are left out."""
        return await self._read(partial(reading.heads, watched=watched))

    async def _write(self, messages: Sequence[Sealed], marks: Sequence[Mark]) -> Outcome:
        now_ms = self._clock.now_ms()
        outcome = await self._database.write(
            lambda connection: batch.write(connection, messages, marks, now_ms)
        )
        self._announce(outcome.newest)
        return outcome

    async def _read(self, unit: Unit[T]) -> T:
        try:
            return await self._database.read(unit)
        except DatabaseOverloaded as full:
            raise _too_many_reads() from full

    async def _openers(self, rows: Sequence[Row]) -> Mapping[PersonId, Opener]:
        writers = {PersonId(row.writer_person_id) for row in rows if row.kind == TEXT}
        try:
            return await self._texts.openers(writers)
        except DatabaseOverloaded as full:
            raise _too_many_reads() from full

    def _name(self, draft: Draft) -> tuple[int, bytes]:
        return draft.message_id, self._digest(draft)

    def _digest(self, draft: Draft) -> bytes:
        content = draft.content
        words = content.words if isinstance(content, Text) else name_of(content)
        where = f"{draft.conversation.low}/{draft.conversation.high}"
        return self._texts.fingerprint(str(draft.message_id), where, str(kind_of(content)), words)


def _message(row: Row, openers: Mapping[PersonId, Opener]) -> Message:
    opener = openers.get(PersonId(row.writer_person_id))
    return Message(
        conversation=Conversation(row.low_id, row.high_id),
        seq=row.seq,
        sender=PersonId(row.sender_person_id),
        sent_ms=row.sent_ms,
        content=content_of(row.kind, bytes(row.body), row.message_id, opener),
    )


def _too_many_reads() -> ChatOverloaded:
    return ChatOverloaded("social_chat_reads_max", wait_ms=0, retry_delay_ms=RETRY_DELAY_MS)

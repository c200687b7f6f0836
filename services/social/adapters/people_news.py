"""Identity's feed of people takes effect here: every handler sees every piece of news exactly once.

A handler writes through the connection that it is given, in the transaction that moves the cursor. So what it
writes is kept together with the fact that it was, whatever dies in between, and however many replicas follow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from hongbao.identity.v1 import events_pb2, person_feed_pb2
from hongbao.identity.v1.person_feed_pb2_grpc import PersonFeedServiceStub
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.mesh.feed.port import FeedGap, FeedRecord
from services.mesh.reach import Reach
from services.social.adapters.people_tables import people_cursors
from services.social.domain.people import (
    PersonErased,
    PersonEvent,
    PersonNews,
    PersonsMerged,
    PersonVerified,
)
from services.social.domain.relation import PersonId

PEOPLE_FEED = "identity/0"
"""The identity service has one feed."""
RELATIONS = "relations"
"""Who reads it for the database of relations: the name of its cursor."""

AfterCommit = Callable[[], None]
"""Runs on the event loop once what the handler wrote is durable, to wake somebody. Must not raise."""

PeopleHandler = Callable[[sa.Connection, PersonEvent], AfterCommit | None]
"""What a subject does about a piece of news. Runs in a database's thread.

It runs again when its transaction is undone. Whatever it raises undoes everything, and the news comes again
after a pause: an event is never skipped.
"""


class PeopleSink:
    """Applies the feed to one database. See `FeedSink`."""

    def __init__(
        self, database: Database, reader: str, handlers: Sequence[PeopleHandler], *, batch_records: int
    ) -> None:
        """Wires a sink; `reader` names its cursor, and a transaction applies at most `batch_records`."""
        self._database = database
        self._reader: dict[str, Any] = {"reader": reader}
        self._handlers = handlers
        self._batch_records = batch_records

    async def cursor(self, source: str) -> int:
        """See `FeedSink.cursor`."""
        _check(source)
        row = await self._database.read(lambda connection: _CURSOR.first(connection, self._reader))
        return 0 if row is None else int(row.seq)

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        """See `FeedSink.apply`. Raises `FeedGap`, and what handlers raise."""
        _check(source)
        for start in range(0, len(records), self._batch_records):
            part = records[start : start + self._batch_records]
            for call in await self._database.write(partial(self._take, part)):
                call()

    def _take(self, records: Sequence[FeedRecord], connection: sa.Connection) -> list[AfterCommit]:
        row = _LOCK.first(connection, self._reader)
        seen = 0 if row is None else int(row.seq)
        # Another replica may have been faster with some of them, or with all.
        fresh = [record for record in records if record.seq > seen]
        if not fresh:
            return []
        if fresh[0].seq != seen + 1:
            raise FeedGap(
                f"record {fresh[0].seq} of {PEOPLE_FEED} came where {seen + 1} was due",
                source=PEOPLE_FEED,
                expected=seen + 1,
                got=fresh[0].seq,
            )
        # Another replica may insert the first cursor now: the key stops one, which then runs again.
        if row is None:
            _INSERT.run(connection, self._reader | {"seq": fresh[-1].seq})
        else:
            _UPDATE.run(connection, {"whose": self._reader["reader"], "seq": fresh[-1].seq})
        after: list[AfterCommit] = []
        for event in _events(fresh):
            calls = [handler(connection, event) for handler in self._handlers]
            after.extend(call for call in calls if call is not None)
        return after


def hold_people(connection: sa.Connection) -> None:
    """No news of people takes effect until the caller's transaction ends; what had is seen.

    For who decides by what was told about a person, and writes what the next news is about.
    """
    if _SHARE.first(connection, {"reader": RELATIONS}) is None:
        # Before the first news there is none to hold. Of all who insert it one goes on, the others run again.
        _INSERT.run(connection, {"reader": RELATIONS, "seq": 0})


def people_feed(reach: Reach, connect_s: float) -> Callable[[int], AsyncIterator[Any]]:
    """Opens identity's feed after a record, at one of its members."""

    async def read(after_seq: int) -> AsyncIterator[person_feed_pb2.ReadPersonsResponse]:
        address = await reach.directory.address("identity", connect_s)
        stub = PersonFeedServiceStub(reach.channels.channel(address))
        async for response in stub.ReadPersons(person_feed_pb2.ReadPersonsRequest(after_seq=after_seq)):
            yield response

    return read


def _check(source: str) -> None:
    assert source == PEOPLE_FEED, "there is one cursor, for one feed"  # noqa: S101 - an invariant


def _events(records: Sequence[FeedRecord]) -> list[PersonEvent]:
    found = []
    for record in records:
        news = _news(record)
        if news is not None:
            found.append(PersonEvent(record.seq, record.time_ms, record.trace_context, news))
    return found


def _news(record: FeedRecord) -> PersonNews | None:
    # Kinds of events that came later, and those about tiers and bank cards, are none of our business.
    if not isinstance(record.event, events_pb2.IdentityEvent):
        return None
    kind = record.event.WhichOneof("event")
    read = _KINDS.get(kind or "")
    return None if kind is None or read is None else read(getattr(record.event, kind))


_KINDS: Mapping[str, Callable[[Any], PersonNews]] = {
    "person_verified": lambda verified: PersonVerified(PersonId(verified.person_id)),
    "persons_merged": lambda merged: PersonsMerged(
        PersonId(merged.provisional_person_id), PersonId(merged.person_id)
    ),
    "person_erased": lambda erased: PersonErased(PersonId(erased.person_id)),
}


_mine = people_cursors.c.reader == bindparam("reader")
_CURSOR = Statement(sa.select(people_cursors.c.seq).where(_mine))
_LOCK = Statement(sa.select(people_cursors.c.seq).where(_mine).with_for_update())
_SHARE = Statement(sa.select(people_cursors.c.seq).where(_mine).with_for_update(read=True))
_INSERT = Statement(people_cursors.insert())
_UPDATE = Statement(people_cursors.update().where(people_cursors.c.reader == bindparam("whose")))

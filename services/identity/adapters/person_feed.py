"""The feed of people: an outbox that is written with what it tells, and read in order."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.tables import feed_head, person_events
from services.identity.domain.people import CardId, PersonId, Tier
from services.identity.domain.person_events import (
    CardBound,
    CardUnbound,
    FeedStretch,
    NumberedEvent,
    PersonErased,
    PersonEvent,
    PersonsMerged,
    PersonVerified,
    TierChanged,
)
from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.mesh.shards.hashing import SHARD_COUNT_MAX, shard_of
from services.mesh.wakeup import Wakeup

_FEED = 0
_VERIFIED, _TIER, _MERGED, _BOUND, _UNBOUND = range(1, 6)
_ERASED = 10
"""Kinds as they are kept."""


class SqlPersonFeed:
    """`PersonFeed` over a `Database`. Readers in this process are woken; those in replicas poll."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._newest = 0
        self._arrived = Wakeup()

    def add(self, connection: sa.Connection, event: PersonEvent, now_ms: int, trace_context: str) -> int:
        """Adds an event within the writer's transaction; its number.

        The head row is held from here to the commit. So whoever sees a number sees all below it, whatever the
        number of writers, and a transaction that is undone leaves no gap.
        """
        seq = self.hold(connection, 1)
        place = {
            "seq": seq,
            "bucket": shard_of(event.person_id, SHARD_COUNT_MAX),
            "time_ms": now_ms,
            "trace_context": trace_context,
        }
        _INSERT.run(connection, place | _columns(event))
        return seq

    def hold(self, connection: sa.Connection, more: int = 0) -> int:
        """Keeps other writers out until the commit; the newest number, with so many more taken."""
        return int(_NEXT.execute(connection, {"feed": _FEED, "seq": more}).seq)

    def announce(self, seq: int) -> None:
        """Wakes readers: the event with this number is durable."""
        self._newest = max(self._newest, seq)
        self._arrived.call()

    async def last_seq(self) -> int:
        """See `PersonFeed.last_seq`."""
        return await self._database.read(_last_seq)

    async def read(self, after_seq: int, limit: int, shard: int, shard_count: int) -> FeedStretch:
        """See `PersonFeed.read`."""

        def unit(connection: sa.Connection) -> FeedStretch:
            # Looked up first: everything up to it can be seen by what is read next.
            last_seq = min(_last_seq(connection), after_seq + limit)
            # A stretch of the primary key, so that a look costs the same however rare the shard's people are.
            stretch = {
                "after_seq": after_seq,
                "last_seq": last_seq,
                "mask": shard_count - 1,
                "shard": shard,
            }
            events = [_numbered(row) for row in _READ.rows(connection, stretch)]
            return FeedStretch(max(last_seq, after_seq), events)

        return await self._database.read(unit)

    async def wait_beyond(self, seq: int, timeout_s: float) -> None:
        """See `PersonFeed.wait_beyond`."""
        if self._newest <= seq:
            await self._arrived.wait(timeout_s, self._clock)


def _last_seq(connection: sa.Connection) -> int:
    head = _LAST.first(connection, {"feed": _FEED})
    return 0 if head is None else int(head.seq)


def _columns(event: PersonEvent) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "person_id": event.person_id,
        "into_person_id": None,
        "tier": None,
        "card_id": None,
        "number_masked": None,
        "bank_name": None,
    }
    match event:
        case PersonVerified(tier=tier):
            columns |= {"kind": _VERIFIED, "tier": int(tier)}
        case TierChanged(tier=tier):
            columns |= {"kind": _TIER, "tier": int(tier)}
        case PersonsMerged(into_person_id=into):
            columns |= {"kind": _MERGED, "into_person_id": into}
        case CardBound(card_id=card_id, number_masked=number_masked, bank_name=bank_name):
            shown = {"number_masked": number_masked, "bank_name": bank_name}
            columns |= {"kind": _BOUND, "card_id": card_id, **shown}
        case CardUnbound(card_id=card_id):
            columns |= {"kind": _UNBOUND, "card_id": card_id}
        case PersonErased():
            columns |= {"kind": _ERASED}
    return columns


def _numbered(row: Row) -> NumberedEvent:
    return NumberedEvent(row.seq, row.time_ms, row.trace_context, _event(row))


def _event(row: Row) -> PersonEvent:
    person_id = PersonId(row.person_id)
    if row.kind == _VERIFIED:
        return PersonVerified(person_id, Tier(row.tier))
    if row.kind == _TIER:
        return TierChanged(person_id, Tier(row.tier))
    if row.kind == _MERGED:
        return PersonsMerged(person_id, PersonId(row.into_person_id))
    if row.kind == _BOUND:
        return CardBound(person_id, CardId(row.card_id), row.number_masked, row.bank_name)
    if row.kind == _ERASED:
        return PersonErased(person_id)
    assert row.kind == _UNBOUND, "kinds are those of this file"  # noqa: S101 - an invariant
    return CardUnbound(person_id, CardId(row.card_id))


_NEXT = InsertOrAdd(feed_head)
_LAST = Statement(sa.select(feed_head.c.seq).where(feed_head.c.feed == bindparam("feed")))
_INSERT = Statement(person_events.insert())
_READ = Statement(
    sa.select(person_events)
    .where(
        person_events.c.seq > bindparam("after_seq"),
        person_events.c.seq <= bindparam("last_seq"),
        person_events.c.bucket.op("&")(bindparam("mask")) == bindparam("shard"),
    )
    .order_by(person_events.c.seq)
)

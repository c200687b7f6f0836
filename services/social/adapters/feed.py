"""The feed of friendships: an outbox that is written with the relation and read in order."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.mesh.wakeup import Wakeup
from services.social.adapters.tables import endings, events, feed_head, told
from services.social.domain.ports import FriendshipEvent, ToldEvent
from services.social.domain.relation import End, Pair, PersonId

_FEED = 0
_MADE_BY_MERGE = 0
"""Stands where the reason of an end does."""


class SqlFriendshipFeed:
    """`FriendshipFeed` over a `Database`. Readers in this process are woken; those in replicas poll."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._newest = 0
        self._arrived = Wakeup()

    def add(
        self,
        connection: sa.Connection,
        pair: Pair,
        person: PersonId,
        end: End | None,
        time_ms: int,
        trace_context: str,
        *,
        by_merge: bool = False,
    ) -> int:
        """Adds the event of a friendship that `person` made or ended, within the writer's transaction.

        Returns the event's number, for `announce` after the commit.

        The head row is held from here to the commit. So whoever sees a number sees all below it, whatever the
        number of writers, and a transaction that is undone leaves no gap.
        """
        seq = self._next(connection, pair.low, pair.high, person, time_ms, trace_context)
        if end is not None or by_merge:
            _INSERT_END.run(connection, {"seq": seq, "reason": _MADE_BY_MERGE if end is None else int(end)})
        return seq

    def tell(self, connection: sa.Connection, content: bytes, time_ms: int, trace_context: str) -> int:
        """Adds an event of another subject, the contract's `SocialEvent` in bytes, as `add` does."""
        seq = self._next(connection, 0, 0, 0, time_ms, trace_context)
        _INSERT_TOLD.run(connection, {"seq": seq, "content": content})
        return seq

    def _next(
        self, connection: sa.Connection, low: int, high: int, person: int, time_ms: int, trace_context: str
    ) -> int:
        seq = int(_NEXT.execute(connection, {"feed": _FEED, "seq": 1}).seq)
        event = {
            "seq": seq,
            "time_ms": time_ms,
            "trace_context": trace_context,
            "low_person_id": low,
            "high_person_id": high,
            "asking_person_id": person,
        }
        _INSERT.run(connection, event)
        return seq

    def announce(self, seq: int) -> None:
        """Wakes readers: the event with this number is durable."""
        self._newest = max(self._newest, seq)
        self._arrived.call()

    async def last_seq(self) -> int:
        """See `FriendshipFeed.last_seq`."""
        return await self._database.read(lambda connection: connection.execute(_LAST).scalar() or 0)

    async def read(self, after_seq: int, limit: int) -> Sequence[FriendshipEvent | ToldEvent]:
        """See `FriendshipFeed.read`."""

        def unit(connection: sa.Connection) -> list[FriendshipEvent | ToldEvent]:
            rows = _READ.rows(connection, {"after_seq": after_seq, "limit": limit})
            return [_event(row) for row in rows]

        return await self._database.read(unit)

    async def wait_beyond(self, seq: int, timeout_s: float) -> None:
        """See `FriendshipFeed.wait_beyond`."""
        if self._newest <= seq:
            await self._arrived.wait(timeout_s, self._clock)


def _event(row: Row) -> FriendshipEvent | ToldEvent:
    if row.content is not None:
        return ToldEvent(row.seq, row.time_ms, row.trace_context, bytes(row.content))
    return FriendshipEvent(
        seq=row.seq,
        time_ms=row.time_ms,
        trace_context=row.trace_context,
        pair=Pair(PersonId(row.low_person_id), PersonId(row.high_person_id)),
        person=PersonId(row.asking_person_id),
        end=End(row.reason) if row.reason else None,
        by_merge=row.reason == _MADE_BY_MERGE,
    )


_NEXT = InsertOrAdd(feed_head)
_LAST = sa.select(feed_head.c.seq)
_INSERT = Statement(events.insert())
_INSERT_END = Statement(endings.insert())
_INSERT_TOLD = Statement(told.insert())
# One statement, so that an event is never seen without its end.
_READ = Statement(
    sa.select(events, endings.c.reason, told.c.content)
    .outerjoin(endings, endings.c.seq == events.c.seq)
    .outerjoin(told, told.c.seq == events.c.seq)
    .where(events.c.seq > bindparam("after_seq"))
    .order_by(events.c.seq)
    .limit(bindparam("limit"))
)

"""The feed of friendships: an outbox that is written with the relation and read in order."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.mesh.database.upserts import InsertOrAdd
from services.mesh.wakeup import Wakeup
from services.social.adapters.tables import endings, events, feed_head
from services.social.domain.ports import FriendshipEvent
from services.social.domain.relation import End, Pair, PersonId, Relation

_FEED = 0


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
        known: Relation,
        person: PersonId,
        end: End | None,
        trace_context: str,
    ) -> int:
        """Adds the event of a friendship that `person` made or ended, within the writer's transaction.

        Returns the event's number.

        The head row is held from here to the commit. So whoever sees a number sees all below it, whatever the
        number of writers, and a transaction that is undone leaves no gap.
        """
        seq = int(_NEXT.execute(connection, {"feed": _FEED, "seq": 1}).seq)
        event = {
            "seq": seq,
            "time_ms": known.changed_ms,
            "trace_context": trace_context,
            "low_person_id": known.pair.low,
            "high_person_id": known.pair.high,
            "asking_person_id": person,
        }
        _INSERT.run(connection, event)
        if end is not None:
            _INSERT_END.run(connection, {"seq": seq, "reason": int(end)})
        return seq

    def announce(self, seq: int) -> None:
        """Wakes readers: the event with this number is durable."""
        self._newest = max(self._newest, seq)
        self._arrived.call()

    async def last_seq(self) -> int:
        """See `FriendshipFeed.last_seq`."""
        return await self._database.read(lambda connection: connection.execute(_LAST).scalar() or 0)

    async def read(self, after_seq: int, limit: int) -> Sequence[FriendshipEvent]:
        """See `FriendshipFeed.read`."""

        def unit(connection: sa.Connection) -> list[FriendshipEvent]:
            rows = _READ.rows(connection, {"after_seq": after_seq, "limit": limit})
            return [
                FriendshipEvent(
                    seq=row.seq,
                    time_ms=row.time_ms,
                    trace_context=row.trace_context,
                    pair=Pair(PersonId(row.low_person_id), PersonId(row.high_person_id)),
                    person=PersonId(row.asking_person_id),
                    end=None if row.reason is None else End(row.reason),
                )
                for row in rows
            ]

        return await self._database.read(unit)

    async def wait_beyond(self, seq: int, timeout_s: float) -> None:
        """See `FriendshipFeed.wait_beyond`."""
        if self._newest <= seq:
            await self._arrived.wait(timeout_s, self._clock)


_NEXT = InsertOrAdd(feed_head)
_LAST = sa.select(feed_head.c.seq)
_INSERT = Statement(events.insert())
_INSERT_END = Statement(endings.insert())
# One statement, so that an event is never seen without its end.
_READ = Statement(
    sa.select(events, endings.c.reason)
    .outerjoin(endings, endings.c.seq == events.c.seq)
    .where(events.c.seq > bindparam("after_seq"))
    .order_by(events.c.seq)
    .limit(bindparam("limit"))
)

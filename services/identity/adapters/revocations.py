"""Revocations in SQL: written in the transaction that revokes, read by whoever follows, in order."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.session_tables import revocation_head, revocations
from services.identity.domain.people import SessionId
from services.identity.domain.sessions.login import Revocation, Revocations
from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.mesh.database.upserts import InsertOrAdd
from services.mesh.wakeup import Wakeup

_HEAD = 0
CLOCKS_APART_MS_MAX = 60_000
"""How much later than here a token may end where it is judged: so long it counts as alive."""


class SqlRevocations:
    """The list of revocations. Readers in this process are woken; those in replicas poll."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._newest = 0
        self._arrived = Wakeup()

    def add(self, connection: sa.Connection, session_id: SessionId, ends_ms: int, now_ms: int) -> int:
        """Adds a revocation within the writer's transaction; its number, or 0 if no token is alive now."""
        if ends_ms <= _slowest(now_ms):
            return 0
        seq = int(_NEXT.execute(connection, {"head": _HEAD, "seq": 1}).seq)
        _INSERT.run(connection, {"seq": seq, "session_id": session_id, "ends_ms": ends_ms})
        return seq

    def announce(self, seq: int) -> None:
        """Wakes readers: the revocation with this number is durable. 0 for none."""
        if seq:
            self._newest = max(self._newest, seq)
            self._arrived.call()

    async def last_seq(self) -> int:
        """Number of the newest revocation that there ever was."""
        return await self._database.read(_last_seq)

    async def read(self, after_seq: int, limit: int, now_ms: int) -> Revocations:
        """Revocations above a number whose tokens may be alive, `limit` at most."""

        def unit(connection: sa.Connection) -> Revocations:
            # Looked up first: everything up to it can be seen by what is read next.
            last_seq = max(_last_seq(connection), after_seq)
            stretch = {"after_seq": after_seq, "last_seq": last_seq, "limit": limit}
            rows = _READ.rows(connection, stretch | {"now_ms": _slowest(now_ms)})
            entries = [Revocation(SessionId(row.session_id), row.ends_ms) for row in rows]
            complete = len(rows) < limit
            return Revocations(last_seq if complete else rows[-1].seq, entries, complete)

        return await self._database.read(unit)

    async def wait_beyond(self, seq: int, timeout_s: float) -> None:
        """Returns when there may be a revocation above `seq`, at the latest after the time."""
        if self._newest <= seq:
            await self._arrived.wait(timeout_s, self._clock)

    async def forget(self, now_ms: int, limit: int) -> int:
        """Deletes entries whose tokens have all ended, `limit` at most; how many."""

        def unit(connection: sa.Connection) -> int:
            rows = _ENDED.rows(connection, {"now_ms": _slowest(now_ms), "limit": limit})
            for row in rows:
                _DELETE.run(connection, {"number": row.seq})
            return len(rows)

        return await self._database.write(unit)


def _slowest(now_ms: int) -> int:
    """What it may be on the clock of a follower."""
    return now_ms - CLOCKS_APART_MS_MAX


def _last_seq(connection: sa.Connection) -> int:
    head = _LAST.first(connection, {"head": _HEAD})
    return 0 if head is None else int(head.seq)


_NEXT = InsertOrAdd(revocation_head)
_LAST = Statement(sa.select(revocation_head.c.seq).where(revocation_head.c.head == bindparam("head")))
_INSERT = Statement(revocations.insert())
_READ = Statement(
    sa.select(revocations)
    .where(
        revocations.c.seq > bindparam("after_seq"),
        revocations.c.seq <= bindparam("last_seq"),
        revocations.c.ends_ms > bindparam("now_ms"),
    )
    .order_by(revocations.c.seq)
    .limit(bindparam("limit"))
)
_ENDED = Statement(
    sa.select(revocations.c.seq).where(revocations.c.ends_ms <= bindparam("now_ms")).limit(bindparam("limit"))
)
_DELETE = Statement(revocations.delete().where(revocations.c.seq == bindparam("number")))

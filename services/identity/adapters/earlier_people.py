"""People who were verified before there was a feed of people."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import people
from services.identity.domain.people import PersonId, Tier
from services.identity.domain.person_events import PersonVerified
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement

STRETCH_PEOPLE = 1_000
"""How many are held in memory at once."""


async def tell_of_earlier_people(database: Database, feed: SqlPersonFeed, now_ms: int) -> int:
    """Begins an empty feed with everybody whom the database knows already; how many there were.

    To be called before anything is served. Safe from several replicas at once, and again: one transaction
    does it all, and a feed that holds anything is left alone.
    """

    def unit(connection: sa.Connection) -> int:
        if feed.hold(connection) > 0:
            return 0
        told, after = 0, 0
        while rows := _STRETCH.rows(connection, {"after": after, "limit": STRETCH_PEOPLE}):
            for row in rows:
                feed.add(connection, PersonVerified(PersonId(row.person_id), Tier(row.tier)), now_ms, "")
            told, after = told + len(rows), rows[-1].person_id
        return told

    return await database.write(unit)


_STRETCH = Statement(
    sa.select(people.c.person_id, people.c.tier)
    .where(people.c.person_id > bindparam("after"))
    .order_by(people.c.person_id)
    .limit(bindparam("limit"))
)

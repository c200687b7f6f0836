"""Friends of friends in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.social.adapters.relation_rows import relation_of
from services.social.adapters.standings import standings
from services.social.adapters.tables import relations
from services.social.domain.relation import Pair, PersonId, Relation, State


class SqlNeighbourStore:
    """`NeighbourStore` over a `Database`."""

    def __init__(self, database: Database, *, friends_max: int) -> None:
        """Looks at no more than `friends_max` friends of anybody: as many as a person may have."""
        self._database = database
        self._friends_max = friends_max

    async def mutual(self, person: PersonId, other: PersonId) -> Sequence[PersonId]:
        """See `NeighbourStore.mutual`."""

        def unit(connection: sa.Connection) -> list[PersonId]:
            (standing,) = standings(connection, [(person, other)])
            if standing.is_blocked:
                return []
            mine = friend_ids(connection, person, self._friends_max)
            return sorted(set(mine).intersection(friend_ids(connection, other, self._friends_max)))

        return await self._database.read(unit)

    async def friends_of_friends(
        self, person: PersonId, friends_max: int, theirs_max: int
    ) -> Sequence[Sequence[PersonId]]:
        """See `NeighbourStore.friends_of_friends`."""

        def unit(connection: sa.Connection) -> list[Sequence[PersonId]]:
            friends = friend_ids(connection, person, friends_max)
            return [friend_ids(connection, friend, theirs_max) for friend in friends]

        return await self._database.read(unit)

    async def relations(self, person: PersonId, others: Sequence[PersonId]) -> Sequence[Relation]:
        """See `NeighbourStore.relations`."""
        pairs = [Pair.of(person, other) for other in others]

        def unit(connection: sa.Connection) -> list[Relation]:
            rows = (_ONE.first(connection, {"low": pair.low, "high": pair.high}) for pair in pairs)
            return [relation_of(row) for row in rows if row is not None]

        return await self._database.read(unit)


def friend_ids(connection: sa.Connection, person: PersonId, limit: int) -> list[PersonId]:
    """At most so many of a person's friends, in no order that means anything: of indexes alone."""
    rows = _FRIENDS.rows(connection, {"person": person, "limit": limit})
    return [friend for (friend,) in rows]


_are_friends = relations.c.state == sa.literal_column(str(int(State.FRIENDS)))
_ONE = Statement(
    sa.select(relations).where(
        relations.c.low_person_id == bindparam("low"), relations.c.high_person_id == bindparam("high")
    )
)
_FRIENDS = Statement(
    sa.union_all(
        sa.select(relations.c.high_person_id.label("friend")).where(
            relations.c.low_person_id == bindparam("person"), _are_friends
        ),
        sa.select(relations.c.low_person_id).where(
            relations.c.high_person_id == bindparam("person"), _are_friends
        ),
    ).limit(bindparam("limit"))
)

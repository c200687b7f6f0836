"""A person's lists: friends, requests, people whom they have blocked."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Row, Statement
from services.social.adapters.standings import HIGH_BLOCKS, LOW_BLOCKS
from services.social.adapters.tables import relations
from services.social.domain.relation import PersonId, State

_BLOCKABLE = (State.DECLINED, State.ENDED)


class RelationList:
    """A person's list, read in two parts, each with an index of its own.

    Others below the person stand in the low column, those above in the high one.
    """

    def __init__(
        self, below: Sequence[int], above: Sequence[int], *conditions: sa.ColumnElement[bool]
    ) -> None:
        """Lists relations in one of some states, all without any: of others below the person, and above."""
        low, high = relations.c.low_person_id, relations.c.high_person_id
        self._below = self._part(low, high, (*_state_in(below), *conditions))
        self._above = self._part(high, low, (*_state_in(above), *conditions))

    def rows(self, connection: sa.Connection, person: PersonId, after: PersonId, limit: int) -> list[Row]:
        """At most `limit` rows with others above `after`, in their order."""
        found: list[Row] = []
        wanted = {"person": person}
        if after < person:
            found.extend(self._below.rows(connection, wanted | {"after": after, "limit": limit}))
        if len(found) < limit:
            rest = {"after": max(after, person), "limit": limit - len(found)}
            found.extend(self._above.rows(connection, wanted | rest))
        return found

    @staticmethod
    def _part(
        other: sa.Column[int], person: sa.Column[int], conditions: Sequence[sa.ColumnElement[bool]]
    ) -> Statement:
        return Statement(
            sa.select(relations)
            .where(
                person == bindparam("person"),
                other > bindparam("after"),
                *conditions,
            )
            .order_by(other)
            .limit(bindparam("limit"))
        )


def _state_in(states: Sequence[int]) -> list[sa.ColumnElement[bool]]:
    # Written out, one by one: a `Statement` knows no lists. No states are all states.
    alike = [relations.c.state == sa.literal_column(str(int(state))) for state in states]
    return [sa.or_(*alike)] if alike else []


FRIENDS = RelationList([State.FRIENDS], [State.FRIENDS])
INCOMING = RelationList([State.PENDING], [State.PENDING], relations.c.asking_person_id != bindparam("person"))
OUTGOING = RelationList([State.PENDING], [State.PENDING], relations.c.asking_person_id == bindparam("person"))
# Others below the person are blocked by the higher one of the pair.
BLOCKED = RelationList(
    [state + blocks for state in _BLOCKABLE for blocks in (HIGH_BLOCKS, LOW_BLOCKS + HIGH_BLOCKS)],
    [state + blocks for state in _BLOCKABLE for blocks in (LOW_BLOCKS, LOW_BLOCKS + HIGH_BLOCKS)],
)
EVERYTHING = RelationList((), ())

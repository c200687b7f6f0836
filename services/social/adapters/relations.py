"""Relations in SQL; counters of people and the feed of new friendships change in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.tables import people, relations
from services.social.domain.errors import FriendLimitReached, RequestLimitReached
from services.social.domain.ports import Decision, Direction, Limits
from services.social.domain.relation import Pair, PersonId, Relation, State


class SqlRelationStore:
    """`RelationStore` over a `Database`."""

    def __init__(self, database: Database, feed: SqlFriendshipFeed) -> None:
        self._database = database
        self._feed = feed

    async def change(self, pair: Pair, decide: Decision, limits: Limits, trace_context: str) -> Relation:
        """See `RelationStore.change`."""

        def unit(connection: sa.Connection) -> tuple[Relation, int]:
            row = _LOCK.first(connection, {"low": pair.low, "high": pair.high})
            before = None if row is None else _relation(row)
            after = decide(before)
            if after == before:
                return after, 0
            if before is None:
                # Another replica may insert the same pair now: the key stops one, which then runs again.
                _INSERT.run(connection, _key(pair) | _values(after))
            else:
                _UPDATE.run(connection, {"low": pair.low, "high": pair.high} | _values(after))
            _count(connection, before, after, limits)
            if after.state is State.FRIENDS:
                return after, self._feed.add(connection, after, trace_context)
            return after, 0

        after, seq = await self._database.write(unit)
        if seq:
            self._feed.announce(seq)
        return after

    async def friends(self, person: PersonId, after: PersonId, limit: int) -> Sequence[Relation]:
        """See `RelationStore.friends`."""
        return await self._list(person, State.FRIENDS, after, limit, _FRIENDS)

    async def requests(
        self, person: PersonId, direction: Direction, after: PersonId, limit: int
    ) -> Sequence[Relation]:
        """See `RelationStore.requests`."""
        lists = _INCOMING if direction is Direction.INCOMING else _OUTGOING
        return await self._list(person, State.PENDING, after, limit, lists)

    async def friends_among(self, person: PersonId, others: Sequence[PersonId]) -> frozenset[PersonId]:
        """See `RelationStore.friends_among`."""
        return await self._database.read(lambda connection: friends_among(connection, person, others))

    async def _list(
        self, person: PersonId, state: State, after: PersonId, limit: int, lists: _Lists
    ) -> Sequence[Relation]:
        wanted = {"person": person, "state": int(state)}

        def unit(connection: sa.Connection) -> list[Relation]:
            found: list[Row] = []
            if after < person:
                found.extend(lists.below.rows(connection, wanted | {"after": after, "limit": limit}))
            if len(found) < limit:
                rest = {"after": max(after, person), "limit": limit - len(found)}
                found.extend(lists.above.rows(connection, wanted | rest))
            return [_relation(row) for row in found]

        return await self._database.read(unit)


def friends_among(
    connection: sa.Connection, person: PersonId, others: Sequence[PersonId]
) -> frozenset[PersonId]:
    """Those of the others who are the person's friends. They stay so: nothing ends a friendship."""
    parameters = {
        "person": person,
        "below": sorted({other for other in others if other < person}),
        "above": sorted({other for other in others if other > person}),
    }
    rows = connection.execute(_FRIENDS_AMONG, parameters)
    return frozenset(PersonId(high if low == person else low) for low, high in rows)


def _count(connection: sa.Connection, before: Relation | None, after: Relation, limits: Limits) -> None:
    """Moves the counters of both people; raises when one of them is over a limit then."""
    assert before is None or before.state is not State.FRIENDS, "friends stay friends"  # noqa: S101 - an invariant
    became_friends = int(after.state is State.FRIENDS)
    # Always in this order, so that two transactions do not wait for each other.
    for person in (after.pair.low, after.pair.high):
        requests = _has_request_out(after, person) - _has_request_out(before, person)
        if not (became_friends or requests):
            continue
        added = {"person_id": person, "friends": became_friends, "requests": requests}
        total = _TOTALS.execute(connection, added)
        if became_friends and total.friends > limits.friends_max:
            raise FriendLimitReached(person, limits.friends_max)
        if requests > 0 and total.requests > limits.requests_max:
            raise RequestLimitReached(person, limits.requests_max)


def _has_request_out(known: Relation | None, person: PersonId) -> int:
    return int(known is not None and known.state is State.PENDING and known.asking == person)


def _key(pair: Pair) -> dict[str, Any]:
    return {"low_person_id": pair.low, "high_person_id": pair.high}


def _values(known: Relation) -> dict[str, Any]:
    return {
        "state": int(known.state),
        "asking_person_id": known.asking,
        "both_asked": known.both_asked,
        "changed_ms": known.changed_ms,
    }


def _relation(row: Row) -> Relation:
    return Relation(
        pair=Pair(PersonId(row.low_person_id), PersonId(row.high_person_id)),
        state=State(row.state),
        asking=PersonId(row.asking_person_id),
        both_asked=bool(row.both_asked),
        changed_ms=row.changed_ms,
    )


class _Lists:
    """A person's list, read in two parts, each with an index of its own.

    Others below the person stand in the low column, those above in the high one.
    """

    def __init__(self, *conditions: sa.ColumnElement[bool]) -> None:
        low, high = relations.c.low_person_id, relations.c.high_person_id
        self.below = self._part(low, high, conditions)
        self.above = self._part(high, low, conditions)

    @staticmethod
    def _part(
        other: sa.Column[int], person: sa.Column[int], conditions: Sequence[sa.ColumnElement[bool]]
    ) -> Statement:
        return Statement(
            sa.select(relations)
            .where(
                person == bindparam("person"),
                other > bindparam("after"),
                relations.c.state == bindparam("state"),
                *conditions,
            )
            .order_by(other)
            .limit(bindparam("limit"))
        )


_this_pair = sa.and_(
    relations.c.low_person_id == bindparam("low"), relations.c.high_person_id == bindparam("high")
)
_LOCK = Statement(sa.select(relations).where(_this_pair).with_for_update())
_INSERT = Statement(relations.insert())
_UPDATE = Statement(relations.update().where(_this_pair))
_TOTALS = InsertOrAdd(people)
_FRIENDS = _Lists()
_INCOMING = _Lists(relations.c.asking_person_id != bindparam("person"))
_OUTGOING = _Lists(relations.c.asking_person_id == bindparam("person"))
_FRIENDS_AMONG = sa.select(relations.c.low_person_id, relations.c.high_person_id).where(
    relations.c.state == int(State.FRIENDS),
    sa.or_(
        sa.and_(
            relations.c.high_person_id == bindparam("person"),
            relations.c.low_person_id.in_(bindparam("below", expanding=True)),
        ),
        sa.and_(
            relations.c.low_person_id == bindparam("person"),
            relations.c.high_person_id.in_(bindparam("above", expanding=True)),
        ),
    ),
)

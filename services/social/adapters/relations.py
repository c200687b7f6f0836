"""Relations in SQL; counters of people and the feed of friendships change in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.tables import blockers, people, relations
from services.social.domain.errors import BlockLimitReached, FriendLimitReached, RequestLimitReached
from services.social.domain.ports import Decision, Direction, Limits
from services.social.domain.relation import End, Pair, PersonId, Relation, State

_LOW_BLOCKS, _HIGH_BLOCKS = 16, 32
"""What blocks add to the column of states: so tables from before there were blocks serve as they are."""
_BLOCKABLE = (State.DECLINED, State.ENDED)


class SqlRelationStore:
    """`RelationStore` over a `Database`."""

    def __init__(self, database: Database, feed: SqlFriendshipFeed) -> None:
        self._database = database
        self._feed = feed

    async def change(
        self, pair: Pair, acting: PersonId, decide: Decision, limits: Limits, trace_context: str
    ) -> Relation:
        """See `RelationStore.change`."""

        def unit(connection: sa.Connection) -> tuple[Relation, int]:
            row = _LOCK.first(connection, {"low": pair.low, "high": pair.high})
            before = None if row is None else _relation(row)
            after = decide(before)
            if after == before or (before is None and _is_nothing(after)):
                return after, 0
            if before is None:
                # Another replica may insert the same pair now: the key stops one, which then runs again.
                _INSERT.run(connection, _key(pair) | _values(after))
            else:
                _UPDATE.run(connection, {"low": pair.low, "high": pair.high} | _values(after))
            _count(connection, before, after, limits)
            return after, self._tell(connection, before, after, acting, trace_context)

        after, seq = await self._database.write(unit)
        if seq:
            self._feed.announce(seq)
        return after

    def _tell(
        self,
        connection: sa.Connection,
        before: Relation | None,
        after: Relation,
        acting: PersonId,
        trace_context: str,
    ) -> int:
        made = _are_friends(after) - _are_friends(before)
        if not made:
            return 0
        if made > 0:
            return self._feed.add(connection, after, after.asking, None, trace_context)
        end = End.BLOCKED if after.is_blocked else End.REMOVED
        return self._feed.add(connection, after, acting, end, trace_context)

    async def friends(self, person: PersonId, after: PersonId, limit: int) -> Sequence[Relation]:
        """See `RelationStore.friends`."""
        return await self._list(person, after, limit, _FRIENDS)

    async def requests(
        self, person: PersonId, direction: Direction, after: PersonId, limit: int
    ) -> Sequence[Relation]:
        """See `RelationStore.requests`."""
        lists = _INCOMING if direction is Direction.INCOMING else _OUTGOING
        return await self._list(person, after, limit, lists)

    async def blocked(self, person: PersonId, after: PersonId, limit: int) -> Sequence[Relation]:
        """See `RelationStore.blocked`."""
        return await self._list(person, after, limit, _BLOCKED)

    async def among(self, pairs: frozenset[Pair]) -> Mapping[Pair, Relation]:
        """See `RelationStore.among`."""
        if not pairs:
            return {}
        parameters = {"pairs": json.dumps(sorted((pair.low, pair.high) for pair in pairs))}

        def unit(connection: sa.Connection) -> dict[Pair, Relation]:
            found = map(_relation, _AMONG[connection.dialect.name].rows(connection, parameters))
            return {known.pair: known for known in found}

        return await self._database.read(unit)

    async def friends_among(self, person: PersonId, others: Sequence[PersonId]) -> frozenset[PersonId]:
        """See `RelationStore.friends_among`."""
        return await self._database.read(lambda connection: friends_among(connection, person, others))

    async def _list(self, person: PersonId, after: PersonId, limit: int, lists: _Lists) -> Sequence[Relation]:
        wanted = {"person": person}

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
    """Those of the others who are the person's friends."""
    parameters = {
        "person": person,
        "below": sorted({other for other in others if other < person}),
        "above": sorted({other for other in others if other > person}),
    }
    rows = connection.execute(_FRIENDS_AMONG, parameters)
    return frozenset(PersonId(high if low == person else low) for low, high in rows)


def _count(connection: sa.Connection, before: Relation | None, after: Relation, limits: Limits) -> None:
    """Moves the counters of both people; raises when one of them is over a limit then."""
    friends = _are_friends(after) - _are_friends(before)
    # Always in this order, so that two transactions do not wait for each other.
    for person in (after.pair.low, after.pair.high):
        requests = _has_request_out(after, person) - _has_request_out(before, person)
        if friends or requests:
            added = {"person_id": person, "friends": friends, "requests": requests}
            total = _TOTALS.execute(connection, added)
            assert total.friends >= 0 <= total.requests, "nobody has less than none"  # noqa: S101 - an invariant
            if friends > 0 and total.friends > limits.friends_max:
                raise FriendLimitReached(person, limits.friends_max)
            if requests > 0 and total.requests > limits.requests_max:
                raise RequestLimitReached(person, limits.requests_max)
    for person in (after.pair.low, after.pair.high):
        _count_blocks(connection, person, _blocks(after, person) - _blocks(before, person), limits)


def _count_blocks(connection: sa.Connection, person: PersonId, added: int, limits: Limits) -> None:
    if added:
        total = _BLOCKED_TOTALS.execute(connection, {"person_id": person, "blocked": added})
        assert total.blocked >= 0, "nobody has blocked less than none"  # noqa: S101 - an invariant
        if added > 0 and total.blocked > limits.blocked_max:
            raise BlockLimitReached(person, limits.blocked_max)


def _is_nothing(known: Relation) -> bool:
    return known.state is State.ENDED and not known.is_blocked


def _are_friends(known: Relation | None) -> int:
    return int(known is not None and known.state is State.FRIENDS)


def _blocks(known: Relation | None, person: PersonId) -> int:
    return int(known is not None and known.is_blocked_by(person))


def _has_request_out(known: Relation | None, person: PersonId) -> int:
    return int(known is not None and known.state is State.PENDING and known.asking == person)


def _key(pair: Pair) -> dict[str, Any]:
    return {"low_person_id": pair.low, "high_person_id": pair.high}


def _values(known: Relation) -> dict[str, Any]:
    return {
        "state": known.state + _LOW_BLOCKS * known.low_blocks + _HIGH_BLOCKS * known.high_blocks,
        "asking_person_id": known.asking,
        "both_asked": known.both_asked,
        "changed_ms": known.changed_ms,
    }


def _relation(row: Row) -> Relation:
    return Relation(
        pair=Pair(PersonId(row.low_person_id), PersonId(row.high_person_id)),
        state=State(row.state % _LOW_BLOCKS),
        asking=PersonId(row.asking_person_id),
        both_asked=bool(row.both_asked),
        changed_ms=row.changed_ms,
        low_blocks=bool(row.state & _LOW_BLOCKS),
        high_blocks=bool(row.state & _HIGH_BLOCKS),
    )


class _Lists:
    """A person's list, read in two parts, each with an index of its own.

    Others below the person stand in the low column, those above in the high one.
    """

    def __init__(
        self, below: Sequence[int], above: Sequence[int], *conditions: sa.ColumnElement[bool]
    ) -> None:
        """Lists relations in one of some states: of the other ones below the person, and above."""
        low, high = relations.c.low_person_id, relations.c.high_person_id
        self.below = self._part(low, high, (_state_in(below), *conditions))
        self.above = self._part(high, low, (_state_in(above), *conditions))

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


def _state_in(states: Sequence[int]) -> sa.ColumnElement[bool]:
    # Written out, one by one: a `Statement` knows no lists.
    return sa.or_(*(relations.c.state == sa.literal_column(str(int(state))) for state in states))


_this_pair = sa.and_(
    relations.c.low_person_id == bindparam("low"), relations.c.high_person_id == bindparam("high")
)
_LOCK = Statement(sa.select(relations).where(_this_pair).with_for_update())
_INSERT = Statement(relations.insert())
_UPDATE = Statement(relations.update().where(_this_pair))
_TOTALS = InsertOrAdd(people)
_BLOCKED_TOTALS = InsertOrAdd(blockers)
_FRIENDS = _Lists([State.FRIENDS], [State.FRIENDS])
_INCOMING = _Lists([State.PENDING], [State.PENDING], relations.c.asking_person_id != bindparam("person"))
_OUTGOING = _Lists([State.PENDING], [State.PENDING], relations.c.asking_person_id == bindparam("person"))
# Others below the person are blocked by the higher one of the pair.
_BLOCKED = _Lists(
    [state + blocks for state in _BLOCKABLE for blocks in (_HIGH_BLOCKS, _LOW_BLOCKS + _HIGH_BLOCKS)],
    [state + blocks for state in _BLOCKABLE for blocks in (_LOW_BLOCKS, _LOW_BLOCKS + _HIGH_BLOCKS)],
)
# The pairs come as a table: asked for in a list of pairs, SQLite would read every relation there is.
_AMONG = {
    "sqlite": Statement(
        sa.text(
            "SELECT known.* FROM json_each(:pairs) AS pair CROSS JOIN social_relations AS known"
            " ON known.low_person_id = json_extract(pair.value, '$[0]')"
            " AND known.high_person_id = json_extract(pair.value, '$[1]')"
        )
    ),
    "postgresql": Statement(
        sa.text(
            "SELECT known.* FROM json_array_elements(CAST(:pairs AS json)) AS pair(ends)"
            " JOIN social_relations AS known"
            " ON known.low_person_id = CAST(pair.ends ->> 0 AS BIGINT)"
            " AND known.high_person_id = CAST(pair.ends ->> 1 AS BIGINT)"
        )
    ),
}
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

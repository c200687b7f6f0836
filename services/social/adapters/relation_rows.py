"""Rows of relations, and everyone's counters beside them: what a transaction changes together."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.social.adapters.standings import HIGH_BLOCKS, LOW_BLOCKS
from services.social.adapters.tables import blockers, people, relations
from services.social.domain.errors import BlockLimitReached, FriendLimitReached, RequestLimitReached
from services.social.domain.ports import Limits
from services.social.domain.relation import Pair, PersonId, Relation, State


def locked(connection: sa.Connection, pair: Pair) -> Relation | None:
    """What there is between the two, held until the transaction ends."""
    row = _LOCK.first(connection, {"low": pair.low, "high": pair.high})
    return None if row is None else relation_of(row)


def replace_row(
    connection: sa.Connection,
    pair: Pair,
    before: Relation | None,
    after: Relation | None,
    limits: Limits | None,
) -> None:
    """Puts one relation in the place of another and moves the counters of both people.

    Raises when one of them is over a limit then; without `limits` nobody is.
    """
    if after is None:
        _DELETE.run(connection, {"low": pair.low, "high": pair.high})
    elif before is None:
        # Another replica may insert the same pair now: the key stops one, which then runs again.
        key = {"low_person_id": pair.low, "high_person_id": pair.high}
        _INSERT.run(connection, key | _values(after))
    else:
        _UPDATE.run(connection, {"low": pair.low, "high": pair.high} | _values(after))
    _count(connection, pair, before, after, limits)


def are_friends(known: Relation | None) -> bool:
    """Whether there is a friendship."""
    return known is not None and known.state is State.FRIENDS


def relation_of(row: Row) -> Relation:
    """The relation that a row holds."""
    return Relation(
        pair=Pair(PersonId(row.low_person_id), PersonId(row.high_person_id)),
        state=State(row.state % LOW_BLOCKS),
        asking=PersonId(row.asking_person_id),
        both_asked=bool(row.both_asked),
        changed_ms=row.changed_ms,
        low_blocks=bool(row.state & LOW_BLOCKS),
        high_blocks=bool(row.state & HIGH_BLOCKS),
    )


def _values(known: Relation) -> dict[str, Any]:
    return {
        "state": known.state + LOW_BLOCKS * known.low_blocks + HIGH_BLOCKS * known.high_blocks,
        "asking_person_id": known.asking,
        "both_asked": known.both_asked,
        "changed_ms": known.changed_ms,
    }


def _count(
    connection: sa.Connection,
    pair: Pair,
    before: Relation | None,
    after: Relation | None,
    limits: Limits | None,
) -> None:
    friends = are_friends(after) - are_friends(before)
    # Always in this order, so that two transactions do not wait for each other.
    for person in (pair.low, pair.high):
        requests = _has_request_out(after, person) - _has_request_out(before, person)
        if friends or requests:
            added = {"person_id": person, "friends": friends, "requests": requests}
            total = _TOTALS.execute(connection, added)
            assert total.friends >= 0 <= total.requests, "nobody has less than none"  # noqa: S101 - an invariant
            if limits is not None and friends > 0 and total.friends > limits.friends_max:
                raise FriendLimitReached(person, limits.friends_max)
            if limits is not None and requests > 0 and total.requests > limits.requests_max:
                raise RequestLimitReached(person, limits.requests_max)
    for person in (pair.low, pair.high):
        _count_blocks(connection, person, _blocks(after, person) - _blocks(before, person), limits)


def _count_blocks(connection: sa.Connection, person: PersonId, added: int, limits: Limits | None) -> None:
    if added:
        total = _BLOCKED_TOTALS.execute(connection, {"person_id": person, "blocked": added})
        assert total.blocked >= 0, "nobody has blocked less than none"  # noqa: S101 - an invariant
        if limits is not None and added > 0 and total.blocked > limits.blocked_max:
            raise BlockLimitReached(person, limits.blocked_max)


def _blocks(known: Relation | None, person: PersonId) -> int:
    return int(known is not None and known.is_blocked_by(person))


def _has_request_out(known: Relation | None, person: PersonId) -> int:
    return int(known is not None and known.state is State.PENDING and known.asking == person)


_this_pair = sa.and_(
    relations.c.low_person_id == bindparam("low"), relations.c.high_person_id == bindparam("high")
)
_LOCK = Statement(sa.select(relations).where(_this_pair).with_for_update())
_INSERT = Statement(relations.insert())
_UPDATE = Statement(relations.update().where(_this_pair))
_DELETE = Statement(relations.delete().where(_this_pair))
_TOTALS = InsertOrAdd(people)
_BLOCKED_TOTALS = InsertOrAdd(blockers)

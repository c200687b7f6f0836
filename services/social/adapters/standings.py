"""How the two of many pairs stand to each other: what other services wait for on their hot paths.

Every pair is one look at the key, and no more is read of it than its state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import sqlalchemy as sa

from services.mesh.database.statement import Statement
from services.social.adapters.merges import now_of
from services.social.domain.ports import Standing
from services.social.domain.relation import PersonId, State

LOW_BLOCKS, HIGH_BLOCKS = 16, 32
"""What blocks add to the column of states: so tables from before there were blocks serve as they are."""

_FRIENDS = Standing(are_friends=True, is_blocked=False)
_BLOCKED = Standing(are_friends=False, is_blocked=True)
_STRANGERS = Standing(are_friends=False, is_blocked=False)
_AT_ONCE = (64, 8, 1)
"""Pairs a statement of SQLite looks up: some fixed sizes, so that each is prepared once. 64 is fastest."""

People = tuple[PersonId, PersonId]


def standings(connection: sa.Connection, pairs: Sequence[People]) -> list[Standing]:
    """For each pair, in their order; who turned out to be another person stands as that one."""
    states = _states(connection, [(min(pair), max(pair)) for pair in pairs])
    absent = [place for place, state in enumerate(states) if state is None]
    if absent:
        known = now_of(connection, set(chain.from_iterable(pairs[place] for place in absent)))
        if known:
            _look_again(connection, pairs, states, absent, known)
    return [_standing(state) for state in states]


def _look_again(
    connection: sa.Connection,
    pairs: Sequence[People],
    states: list[int | None],
    absent: Iterable[int],
    known: Mapping[PersonId, PersonId],
) -> None:
    """Looks once more for what was not there under earlier numbers."""
    moved: dict[int, People] = {}
    for place in absent:
        one, other = pairs[place]
        now = (known.get(one, one), known.get(other, other))
        if now != pairs[place]:
            moved[place] = (min(now), max(now))
    found = _states(connection, list(moved.values()))
    for place, state in zip(moved, found, strict=True):
        states[place] = state


def _standing(state: int | None) -> Standing:
    if state is None:
        return _STRANGERS
    if state == State.FRIENDS:
        return _FRIENDS
    return _BLOCKED if state >= LOW_BLOCKS else _STRANGERS


def _states(connection: sa.Connection, ordered: Sequence[People]) -> list[int | None]:
    """The column of states for each (lower, higher), None where there is nothing; people may be the same."""
    states: list[int | None] = [None] * len(ordered)
    if connection.dialect.name == "sqlite":
        for place, state in _of_sqlite(connection, ordered):
            states[place] = state
    else:
        lows, highs = [low for low, _ in ordered], [high for _, high in ordered]
        for row in _BY_ARRAYS.rows(connection, {"lows": lows, "highs": highs}):
            states[row.place - 1] = row.state
    return states


def _of_sqlite(connection: sa.Connection, ordered: Sequence[People]) -> list[tuple[int, int]]:
    driver_connection = connection.connection.dbapi_connection
    assert driver_connection is not None, "a connection in use has a driver's"  # noqa: S101 - an invariant
    cursor = driver_connection.cursor()
    found: list[tuple[int, int]] = []
    start = 0
    try:
        for size in _AT_ONCE:
            while len(ordered) - start >= size:
                part = ordered[start : start + size]
                rows = cursor.execute(_BY_VALUES[size], list(chain.from_iterable(part))).fetchall()
                found.extend((start + place, state) for place, state in rows)
                start += size
    finally:
        cursor.close()
    return found


def _by_values(size: int) -> str:
    # Asked for in a list of pairs, SQLite would read every relation there is.
    wanted = ",".join(f"({place},?,?)" for place in range(size))
    return (
        f"WITH wanted(place, low, high) AS (VALUES {wanted})"  # noqa: S608 - of numbers alone
        " SELECT wanted.place, known.state FROM wanted CROSS JOIN social_relations AS known"
        " ON known.low_person_id = wanted.low AND known.high_person_id = wanted.high"
    )


_BY_VALUES = {size: _by_values(size) for size in _AT_ONCE}
_BY_ARRAYS = Statement(
    sa.text(
        "SELECT wanted.place, known.state"
        " FROM unnest(CAST(:lows AS BIGINT[]), CAST(:highs AS BIGINT[]))"
        " WITH ORDINALITY AS wanted(low, high, place)"
        " JOIN social_relations AS known"
        " ON known.low_person_id = wanted.low AND known.high_person_id = wanted.high"
    )
)

"""A person's exchanges, page by page, the newest first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from services.cards.domain.exchanges.table import GIVER_HERE, RECEIVER_HERE, Exchange, ExchangeTable
from services.cards.domain.vocabulary import PersonId

GIVER, RECEIVER = 1, 2
"""Roles; the numbers are those of the contract, where 0 is either."""
LOOKS_MAX = 1_000
"""Rows that one page looks at: a page may be short, its answer is never late."""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list."""

    exchanges: Sequence[Exchange]
    next_position: int
    """Where the next page begins; 0 when this is the last."""


def list_exchanges(
    table: ExchangeTable,
    person_id: PersonId,
    *,
    role: int,
    states: frozenset[int],
    position: int,
    size: int,
) -> Page | None:
    """A page from a position on: a row's number plus 1, or 0 for the newest. None for no row of theirs.

    Rows stay where they are, so a position means the same whatever was added since.
    """
    newest = position - 1 if position else None
    if newest is not None and not _is_of(table, newest, person_id):
        return None
    rows = table.rows_of(person_id, newest)
    exchanges: list[Exchange] = []
    for row in itertools.islice(rows, LOOKS_MAX):
        if len(exchanges) == size:
            return Page(exchanges, row + 1)
        is_giver = table.giver_ids[row] == person_id
        if role in {0, GIVER if is_giver else RECEIVER} and (not states or table.states[row] in states):
            exchanges.append(table.exchange(row))
    following = next(rows, None)
    return Page(exchanges, 0 if following is None else following + 1)


def _is_of(table: ExchangeTable, row: int, person_id: PersonId) -> bool:
    if row >= len(table):
        return False
    sides = table.sides[row]
    return bool(
        (sides & GIVER_HERE and table.giver_ids[row] == person_id)
        or (sides & RECEIVER_HERE and table.receiver_ids[row] == person_id)
    )

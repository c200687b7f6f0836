"""What has been dealt already: the memory that makes deals idempotent by (source, key, person)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.holdings.columns import Hashes, People, Rows, has_repeats
from services.cards.domain.holdings.keys import Codes, Keys, friends_of
from services.cards.domain.holdings.movements import Movements, Subjects
from services.cards.domain.holdings.row_index import RowIndex
from services.cards.domain.vocabulary import Source
from services.mesh.shards.hashing import mix64_column

SHORT_MAX = 16
"""So many movements of a person are gone through to find a deal; for more, an index is worth its memory."""
_STEP = 1 << 16
"""Movements that are looked at together when all are."""


@dataclass(frozen=True, slots=True)
class Earned:
    """What the items of a batch were earned with."""

    subjects: Subjects
    """As movements keep it."""
    codes: Codes
    """As deals are compared by it."""


class Deals:
    """Finds deals among the movements, by what identifies them.

    Those of people with few movements are found by going through these: a person with more of them has the
    deals in an index, 7 bytes each.
    """

    __slots__ = ("_index", "_movements", "keys")

    def __init__(self, movements: Movements) -> None:
        self.keys = Keys()
        self._movements = movements
        self._index = RowIndex(self._hashes_of)

    def earned(
        self, source: Source, people: People, source_keys: Sequence[str], *, keeps_keys: bool
    ) -> Earned:
        """What a batch was earned with. New keys get numbers, which stay theirs only when they are kept."""
        number = self.keys.add if keeps_keys else self.keys.numbers
        friends = friends_of(people, source, source_keys)
        if len(source_keys) == 1 and not friends.any():
            keys = np.full(len(people), number(source, source_keys)[0])
        else:
            keys = np.zeros(len(people), np.int64)
            told = source_keys if len(source_keys) > 1 else list(source_keys) * len(people)
            others = np.flatnonzero(friends == 0)
            if len(others):
                keys[others] = number(source, [told[item] for item in others.tolist()])
        return Earned(Subjects(friends, keys), np.where(friends > 0, friends, -1 - keys))

    def find(self, rows: Rows, codes: Codes) -> Rows:
        """The movement that dealt each (row of a person, code), -1 where nothing was dealt yet."""
        found = np.full(len(rows), -1, np.int64)
        lengths = self._movements.lengths(rows)
        is_short = lengths <= SHORT_MAX
        self._walk(rows, codes, np.flatnonzero((lengths > 0) & is_short), found)
        if not is_short.all():
            items = np.flatnonzero(~is_short)
            found[items] = self._look_up(rows[items], codes[items])
        return found

    def follow(
        self, rows: Rows, numbers: Rows, lengths_before: NDArray[np.uint8], *, are_deals: bool
    ) -> None:
        """Sees to it that deals are found after movements were added; `lengths_before` are from before."""
        is_long = self._movements.lengths(rows) > SHORT_MAX
        if not is_long.any():
            return
        was_long = lengths_before > SHORT_MAX
        if are_deals and was_long.any():
            self._enter(numbers[was_long])
        self._enter_all_of(np.unique(rows[is_long & ~was_long]))

    def follow_one(self, row: int) -> None:
        """The same after one movement that was no deal."""
        if self._movements.length(row) == SHORT_MAX + 1:
            self._enter_all_of(np.array([row]))

    def restore(self, keys: Keys) -> None:
        """Finds all deals again among movements that were restored, with their keys."""
        self.keys = keys
        movements = self._movements
        for first in range(0, len(movements), _STEP):
            numbers = np.arange(first, min(first + _STEP, len(movements)))
            rows = movements.rows(numbers).astype(np.int64)
            self._enter(numbers[(movements.lengths(rows) > SHORT_MAX) & movements.are_deals(numbers)])

    def _walk(self, rows: Rows, codes: Codes, items: Rows, found: Rows) -> None:
        """Goes through the movements of these items' people, newest first."""
        movements = self._movements
        numbers = movements.newest_of(rows[items])
        while len(items):
            equal = (movements.codes(numbers) == codes[items]) & movements.are_deals(numbers)
            found[items[equal]] = numbers[equal]
            numbers = movements.before(numbers)
            onwards = np.flatnonzero((numbers >= 0) & ~equal)
            items, numbers = items[onwards], numbers[onwards]

    def _look_up(self, rows: Rows, codes: Codes) -> Rows:
        movements = self._movements

        def are_equal(numbers: Rows, items: Rows) -> NDArray[np.bool_]:
            equal: NDArray[np.bool_] = (movements.rows(numbers) == rows[items]) & (
                movements.codes(numbers) == codes[items]
            )
            return equal

        return self._index.find(_hashes(rows, codes), are_equal)

    def _enter_all_of(self, rows: Rows) -> None:
        """Enters all deals of people of whom none is in the index."""
        numbers = self._movements.newest_of(rows)
        while len(numbers):
            self._enter(numbers[self._movements.are_deals(numbers)])
            numbers = self._movements.before(numbers)
            numbers = numbers[numbers >= 0]

    def _enter(self, numbers: Rows) -> None:
        if len(numbers):
            self._index.enter(numbers, self._hashes_of(numbers))

    def _hashes_of(self, numbers: Rows) -> Hashes:
        return _hashes(self._movements.rows(numbers).astype(np.int64), self._movements.codes(numbers))


def first_alike(people: People, codes: Codes) -> Rows:
    """For each item the first one of the batch with the same person and code: itself for nearly all."""
    items = np.arange(len(people))
    if not has_repeats(people) or not has_repeats(_hashes(people, codes)):
        return items
    order = np.lexsort((items, codes, people))
    is_new = np.ones(len(items), np.bool_)
    is_new[1:] = (people[order[1:]] != people[order[:-1]]) | (codes[order[1:]] != codes[order[:-1]])
    first = np.empty_like(items)
    first[order] = order[np.flatnonzero(is_new)[np.cumsum(is_new) - 1]]
    return first


def ranks_of(people: People, is_counted: NDArray[np.bool_]) -> Rows:
    """For each item, how many counted ones of the same person come before it in the batch."""
    ranks = np.zeros(len(people), np.int64)
    if not has_repeats(people):
        return ranks
    order = np.argsort(people, kind="stable")
    before: Rows = np.cumsum(is_counted[order]) - is_counted[order]
    is_new = np.ones(len(people), np.bool_)
    is_new[1:] = people[order[1:]] != people[order[:-1]]
    starts = np.flatnonzero(is_new)[np.cumsum(is_new) - 1]
    ranks[order] = before - before[starts]
    return ranks


def _hashes(rows: Rows, codes: Codes) -> Hashes:
    return mix64_column((mix64_column(codes) + rows.astype(np.uint64)).view(np.int64))

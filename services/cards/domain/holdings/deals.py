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


@dataclass(frozen=True, slots=True)
class Earned:
    """What the items of a batch were earned with."""

    subjects: Subjects
    """As movements keep it."""
    codes: Codes
    """As deals are compared by it."""


class Deals:
    """Finds deals among the movements, by what identifies them. 7 bytes a deal, and each key once."""

    __slots__ = ("_index", "_movements", "keys")

    def __init__(self, movements: Movements) -> None:
        self.keys = Keys()
        self._movements = movements
        self._index = RowIndex(self._hashes_of)

    def __len__(self) -> int:
        return len(self._index)

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
        movements = self._movements

        def are_equal(numbers: Rows, items: Rows) -> NDArray[np.bool_]:
            equal: NDArray[np.bool_] = (movements.rows(numbers) == rows[items]) & (
                movements.codes(numbers) == codes[items]
            )
            return equal

        return self._index.find(_hashes(rows, codes), are_equal)

    def enter(self, numbers: Rows, rows: Rows, codes: Codes) -> None:
        """Remembers movements as deals, none of which was dealt before."""
        self._index.enter(numbers, _hashes(rows, codes))

    def restore(self, keys: Keys) -> None:
        """Finds all deals again among movements that were restored, with their keys."""
        self.keys = keys
        self._index.restore(self._movements.deals())

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

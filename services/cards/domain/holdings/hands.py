"""How many of each card everybody holds, in columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.holdings.columns import (
    Hashes,
    People,
    Rows,
    count_different,
    has_repeats,
    with_room,
)
from services.cards.domain.holdings.row_index import RowIndex
from services.cards.domain.vocabulary import CARDS, Card
from services.mesh.shards.hashing import mix64, mix64_column

_WIDTH = len(CARDS)
_WRAPPED = np.uint32(1 << 31)
"""A count that is this high was taken below nothing."""


class Hands:
    """Everybody who ever held a card has a row, for good.

    28 bytes a row, and 7 to find it by the person's id.
    """

    __slots__ = ("_copies", "_count", "_index", "_people", "held", "holder_count")

    def __init__(self) -> None:
        self._count = 0
        self._people = np.zeros(0, np.int64)
        self._copies = np.zeros((0, _WIDTH), np.uint32)
        self._index = RowIndex(self._hashes_of)
        self.held = [0] * _WIDTH
        """Cards in all hands, by card."""
        self.holder_count = 0
        """People with at least one card in their hand."""

    def __len__(self) -> int:
        return self._count

    @property
    def people(self) -> People:
        """The person of each row, as a view that must not be written to."""
        return self._people[: self._count]

    @property
    def copies(self) -> NDArray[np.uint32]:
        """Copies of each of `CARDS` by row, as a view that must not be written to."""
        return self._copies[: self._count]

    def row(self, person_id: int) -> int:
        """The row of one person, -1 for one who never held a card."""
        return self._index.find_one(mix64(person_id), lambda row: bool(self._people[row] == person_id))

    def rows(self, people: People) -> Rows:
        """The row of each person, -1 for those who never held a card."""
        return self._index.find(mix64_column(people), lambda rows, items: self._people[rows] == people[items])

    def enter_one(self, person_id: int) -> int:
        """The row of one person, who has one from now on."""
        row = self.row(person_id)
        if row < 0:
            row = self._count
            self._make_room(row + 1)
            self._people[row] = person_id
            self._count = row + 1
            self._index.enter_one(row, mix64(person_id))
        return row

    def enter(self, people: People, known_rows: Rows | None = None) -> Rows:
        """The row of each person, who all have one from now on; `known_rows` are those of `rows(people)`."""
        rows = self.rows(people) if known_rows is None else known_rows
        strangers = np.flatnonzero(rows < 0)
        if len(strangers):
            new = people[strangers]
            if has_repeats(new):
                _, first, numbers = np.unique(new, return_index=True, return_inverse=True)
                # Rows in the order in which they came, so that replay gives the same.
                order = np.argsort(first)
                rank = np.empty_like(order)
                rank[order] = np.arange(len(order))
                rows[strangers], new = self._count + rank[numbers], new[first[order]]
            else:
                rows[strangers] = np.arange(self._count, self._count + len(new))
            self._keep(new)
        return rows

    def copies_of(self, row: int) -> tuple[int, ...]:
        """Copies of each of `CARDS` in one hand; none for row -1."""
        return tuple(self._copies[row].tolist()) if row >= 0 else (0,) * _WIDTH

    def have_sets(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether each holds one of each card; not for row -1."""
        if not self._count:
            return np.zeros(len(rows), np.bool_)
        have: NDArray[np.bool_] = (rows >= 0) & (self._copies[rows] > 0).all(axis=1)
        return have

    def have_any(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether each holds a card at all; not for row -1."""
        if not self._count:
            return np.zeros(len(rows), np.bool_)
        have: NDArray[np.bool_] = (rows >= 0) & (self._copies[rows] > 0).any(axis=1)
        return have

    def put_one(self, row: int, card: Card) -> None:
        """A card comes into a hand."""
        self.holder_count += not self._copies[row].any()
        self._copies[row, card - 1] += 1
        self.held[card - 1] += 1

    def take_one(self, row: int, card: Card) -> None:
        """A card leaves a hand, where it must be."""
        assert row >= 0, f"{card.name} is not in the hand"
        assert self._copies[row, card - 1] > 0, f"{card.name} is not in the hand"
        self._copies[row, card - 1] -= 1
        self.holder_count -= not self._copies[row].any()
        self.held[card - 1] -= 1

    def put(self, rows: Rows, cards: NDArray[np.uint8]) -> None:
        """A card comes into the hand of each; hands may be named more than once."""
        empty = rows[~self._copies[rows].any(axis=1)]
        self.holder_count += count_different(empty)
        np.add.at(self._copies.reshape(-1), rows * _WIDTH + cards - 1, np.uint32(1))
        self._count_held(cards, 1)

    def take(self, rows: Rows, cards: NDArray[np.uint8]) -> None:
        """A card leaves the hand of each, where it must be; hands may be named more than once."""
        assert rows.min(initial=0) >= 0, "a card is not in the hand"
        places = rows * _WIDTH + cards - 1
        np.subtract.at(self._copies.reshape(-1), places, np.uint32(1))
        assert (self._copies.reshape(-1)[places] < _WRAPPED).all(), "a card is not in the hand"
        self.holder_count -= count_different(rows[~self._copies[rows].any(axis=1)])
        self._count_held(cards, -1)

    def take_sets(self, rows: Rows) -> None:
        """One of each card leaves the hand of each; nobody is named twice."""
        assert self.have_sets(rows).all(), "a set is one of each card"
        assert not has_repeats(rows), "a set leaves a hand once"
        self._copies[rows] -= np.uint32(1)
        self.holder_count -= int((~self._copies[rows].any(axis=1)).sum())
        self.held = [held - len(rows) for held in self.held]

    def put_sets(self, rows: Rows) -> None:
        """One of each card comes into the hand of each; nobody is named twice."""
        assert not has_repeats(rows), "a set comes into a hand once"
        self.holder_count += int((~self._copies[rows].any(axis=1)).sum())
        self._copies[rows] += np.uint32(1)
        self.held = [held + len(rows) for held in self.held]

    @classmethod
    def of_kept(cls, people: People, copies: NDArray[np.uint32]) -> Hands:
        """The hands of these people."""
        hands = cls()
        hands._people, hands._copies, hands._count = people, copies, len(people)
        hands._index.restore(np.arange(len(people)))
        hands.held = copies.sum(axis=0, dtype=np.int64).tolist()
        hands.holder_count = int(copies.any(axis=1).sum())
        return hands

    def _count_held(self, cards: NDArray[np.uint8], sign: int) -> None:
        for card, count in enumerate(np.bincount(cards, minlength=_WIDTH + 1).tolist()[1:]):
            self.held[card] += sign * count

    def _keep(self, people: People) -> None:
        first, count = self._count, self._count + len(people)
        self._make_room(count)
        self._people[first:count] = people
        self._count = count
        self._index.enter(np.arange(first, count), mix64_column(people))

    def _make_room(self, count: int) -> None:
        self._people = with_room(self._people, count)
        self._copies = with_room(self._copies, count)

    def _hashes_of(self, rows: Rows) -> Hashes:
        return mix64_column(self._people[rows])

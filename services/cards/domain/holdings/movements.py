"""Every card that came into a hand or left one, in columns, chained for each person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.columns import People, Rows, with_room
from services.cards.domain.holdings.runs import Runs

WHOLE_SET = 0
"""Stands in the column of cards for one of each."""
_CARD_BITS = 3
_CARD_MASK = (1 << _CARD_BITS) - 1
_PERSON = 0x80
"""In the column of what happened: the subject is a person, not a key."""
_KIND_MASK = 0x7F
LENGTH_MAX = 255
"""Longer chains are all told to be as long as this."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """What movements have to do with, in columns: a person, a key, or nothing."""

    people: People
    """The other person's id; 0 for none."""
    keys: Rows
    """Number of the key that earned the card, where there is no other person; else 0."""


@dataclass(frozen=True, slots=True)
class MovementColumns:
    """Movements as they are kept in memory and in snapshots; see the contract's `HoldingsSnapshot`."""

    rows: NDArray[np.uint32]
    whats: NDArray[np.uint8]
    subjects: NDArray[np.uint32]
    before: NDArray[np.uint32]
    others: NDArray[np.int64]


class Movements:
    """The n-th movement has number n, from 0. They are only ever added; people are rows of the hands.

    13 bytes a movement, 8 more for one that another person has to do with, 20 for each run of movements that
    share a record, and 4 for a person.
    """

    __slots__ = (
        "_before",
        "_count",
        "_heads",
        "_lengths",
        "_other_count",
        "_others",
        "_rows",
        "_subjects",
        "_what",
        "moments",
    )

    def __init__(self) -> None:
        self._count = 0
        self._rows = np.zeros(0, np.uint32)
        self._what = np.zeros(0, np.uint8)
        self._subjects = np.zeros(0, np.uint32)
        self._before = np.zeros(0, np.uint32)
        self._heads = np.zeros(0, np.uint32)
        self._lengths = np.zeros(0, np.uint8)
        self._others = np.zeros(0, np.int64)
        self._other_count = 0
        self.moments = Runs(2)
        """From each first movement on: time in milliseconds, and journal record."""

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Rows, cards: NDArray[np.uint8], cause: Cause, subjects: Subjects) -> Rows:
        """Adds movements of one cause and returns their numbers. Of one person's, later ones are newer."""
        first, count = self._count, self._count + len(rows)
        if count == first:
            return np.zeros(0, np.int64)
        assert count < 1 << 32, "movements are numbered in 32 bits"
        self._make_room(count, int(rows.max()) + 1)
        is_person = subjects.people > 0
        self._rows[first:count] = rows
        self._what[first:count] = cards | np.uint8(cause.kind << _CARD_BITS) | is_person * np.uint8(_PERSON)
        self._subjects[first:count] = subjects.keys
        others = subjects.people[is_person]
        if len(others):
            self._subjects[first:count][is_person] = self._keep_others(others)
        self.moments.begin(first, cause.time_ms, cause.seq)
        self._count = count
        numbers = np.arange(first, count)
        self._chain(rows, numbers)
        return numbers

    def add_one(self, row: int, card: int, cause: Cause) -> None:
        """Adds one movement that no key has to do with: ten times as fast as a batch of one."""
        number = self._count
        self._make_room(number + 1, row + 1)
        self._rows[number] = row
        what = card | cause.kind << _CARD_BITS
        if cause.other_person_id is not None:
            self._others = with_room(self._others, self._other_count + 1)
            self._others[self._other_count] = cause.other_person_id
            self._subjects[number] = self._other_count
            self._other_count += 1
            what |= _PERSON
        self._what[number] = what
        self._lengths[row] = min(int(self._lengths[row]) + 1, LENGTH_MAX)
        self._before[number] = self._heads[row]
        self._heads[row] = number + 1
        self.moments.begin(number, cause.time_ms, cause.seq)
        self._count = number + 1

    def rows(self, numbers: Rows) -> NDArray[np.uint32]:
        """Whose movements these are, as rows of the hands."""
        return self._rows[numbers]

    def row(self, number: int) -> int:
        """Whose movement this is."""
        return int(self._rows[number])

    def cards(self, numbers: Rows) -> NDArray[np.uint8]:
        """Which card each moved; `WHOLE_SET` for one of each."""
        return self._what[numbers] & np.uint8(_CARD_MASK)

    def card(self, number: int) -> int:
        """Which card it moved; `WHOLE_SET` for one of each."""
        return int(self._what[number]) & _CARD_MASK

    def kind(self, number: int) -> MovementKind:
        """What happened."""
        return MovementKind((int(self._what[number]) & _KIND_MASK) >> _CARD_BITS)

    def other_person(self, number: int) -> int:
        """Id of the other person; 0 when no other has to do with it."""
        is_person = int(self._what[number]) & _PERSON
        return int(self._others[self._subjects[number]]) if is_person else 0

    def key(self, number: int) -> int:
        """Number of the key that earned the card, for a deal that no friend has to do with."""
        return int(self._subjects[number])

    def codes(self, numbers: Rows) -> NDArray[np.int64]:
        """What deals were earned with: the other person's id, else -1 less the key's number."""
        subjects = self._subjects[numbers].astype(np.int64)
        codes = -1 - subjects
        is_person = self._what[numbers] >= _PERSON
        if is_person.any():
            codes[is_person] = self._others[subjects[is_person]]
        return codes

    def are_deals(self, numbers: Rows) -> NDArray[np.bool_]:
        """Which of these movements are deals."""
        kinds = (self._what[numbers] & np.uint8(_KIND_MASK)) >> np.uint8(_CARD_BITS)
        are: NDArray[np.bool_] = kinds == MovementKind.DEALT
        return are

    def lengths(self, rows: Rows) -> NDArray[np.uint8]:
        """How many movements each person has, `LENGTH_MAX` for more of them; 0 for row -1."""
        if not len(self._lengths):
            return np.zeros(len(rows), np.uint8)
        return np.where((rows >= 0) & (rows < len(self._lengths)), self._lengths.take(rows, mode="clip"), 0)

    def length(self, row: int) -> int:
        """How many movements a person has, `LENGTH_MAX` for more of them."""
        return int(self._lengths[row])

    def newest_of(self, rows: Rows) -> Rows:
        """Number of the newest movement of people who all have one."""
        return self._heads[rows].astype(np.int64) - 1

    def before(self, numbers: Rows) -> Rows:
        """The same person's movement before each of these, -1 for none."""
        return self._before[numbers].astype(np.int64) - 1

    def newest(self, row: int) -> int:
        """Number of a person's newest movement, -1 for none."""
        return int(self._heads[row]) - 1 if 0 <= row < len(self._heads) else -1

    def kinds(self, numbers: Rows) -> NDArray[np.uint8]:
        """What happened: numbers of `MovementKind`."""
        return (self._what[numbers] & np.uint8(_KIND_MASK)) >> np.uint8(_CARD_BITS)

    def times_ms(self, numbers: Rows) -> NDArray[np.int64]:
        """When they happened."""
        firsts, values = self.moments.kept()
        runs = np.searchsorted(firsts, numbers.astype(np.uint32), side="right") - 1
        times_ms: NDArray[np.int64] = values[runs, 0]
        return times_ms

    def older(self, number: int) -> Iterator[int]:
        """This movement and all of the same person's before it, newest first; none for -1."""
        before = self._before
        while number >= 0:
            yield number
            number = int(before[number]) - 1

    @property
    def columns(self) -> MovementColumns:
        """All movements, as views that never change."""
        count = self._count
        return MovementColumns(
            self._rows[:count],
            self._what[:count],
            self._subjects[:count],
            self._before[:count],
            self._others[: self._other_count],
        )

    @classmethod
    def of_columns(cls, columns: MovementColumns, moments: Runs, row_count: int) -> Movements:
        """The inverse of `columns`. The heads of the chains are the movements that no other comes after."""
        movements = cls()
        movements._rows, movements._what = columns.rows, columns.whats
        movements._subjects, movements._before = columns.subjects, columns.before
        movements._others, movements._other_count = columns.others, len(columns.others)
        movements._count = len(columns.rows)
        movements.moments = moments
        is_newest = np.ones(len(columns.rows) + 1, np.bool_)
        is_newest[columns.before] = False
        newest = np.flatnonzero(is_newest[1:])
        movements._heads = np.zeros(row_count, np.uint32)
        movements._heads[columns.rows[newest]] = newest + 1
        lengths = np.bincount(columns.rows, minlength=row_count)
        movements._lengths = np.minimum(lengths, LENGTH_MAX).astype(np.uint8)
        return movements

    def _make_room(self, count: int, row_count: int) -> None:
        self._rows = with_room(self._rows, count)
        self._what = with_room(self._what, count)
        self._subjects = with_room(self._subjects, count)
        self._before = with_room(self._before, count)
        self._heads = with_room(self._heads, row_count)
        self._lengths = with_room(self._lengths, row_count)

    def _keep_others(self, others: People) -> Rows:
        first, count = self._other_count, self._other_count + len(others)
        self._others = with_room(self._others, count)
        self._others[first:count] = others
        self._other_count = count
        return np.arange(first, count)

    def _chain(self, rows: Rows, numbers: Rows) -> None:
        """Puts new movements at the heads of their people's chains."""
        links = (numbers + 1).astype(np.uint32)
        before = self._heads[rows]
        self._heads[rows] = links
        if (self._heads[rows] == links).all():
            self._lengths[rows] = np.minimum(self._lengths[rows], LENGTH_MAX - 1) + np.uint8(1)
        else:
            # Somebody is named more than once: within the batch, each is linked to the one before it.
            order = np.argsort(rows, kind="stable")
            is_same = rows[order[1:]] == rows[order[:-1]]
            before[order[1:][is_same]] = links[order[:-1][is_same]]
            last = order[np.append(~is_same, True)]
            self._heads[rows[last]] = links[last]
            people, counts = np.unique(rows, return_counts=True)
            self._lengths[people] = np.minimum(self._lengths[people] + counts, LENGTH_MAX)
        self._before[numbers[0] : numbers[-1] + 1] = before

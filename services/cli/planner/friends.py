"""Who is whose friend: a graph with given numbers of friends, paired at random, and never written down."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from services.cli.planner.chance import Chance, Purpose, below

Indexes = NDArray[np.int64]
"""Indexes of people, or of ends of friendships."""
Step = Callable[[Indexes], Indexes]


class Friendships:
    """The configuration model: everybody has as many ends as friends, and ends are paired at random.

    Shuffling all ends and sorting them back would take most of the time of a run, and few friendships are
    ever looked at. So the shuffle is a Feistel network over the ends' numbers, keyed by the seed: it can be
    computed for any end by itself, forth and back, and the ends that it puts side by side are a pair. As in
    any such model few people are their own friend or are friends twice; callers skip the former.
    """

    def __init__(self, chance: Chance, friend_counts: NDArray[np.uint16]) -> None:
        self._begins = np.zeros(len(friend_counts) + 1, np.int64)
        np.cumsum(friend_counts, out=self._begins[1:])
        self._owners = np.repeat(np.arange(len(friend_counts), dtype=np.uint32), friend_counts)
        self._paired = len(self._owners) & ~1  # One end of an odd number is nobody's.
        self._rows = isqrt(max(self._paired, 1) - 1) + 1
        self._columns = -(-max(self._paired, 1) // self._rows)
        self._shifts = [
            self._shift_table(chance, number, *sizes)
            for number, sizes in enumerate([(self._columns, self._rows), (self._rows, self._columns)] * 2)
        ]

    def __len__(self) -> int:
        return self._paired // 2

    def friend(self, people: Indexes, slots: Indexes) -> Indexes:
        """The friend in a slot of each person: from 0, below the number of friends.

        For an end that is nobody's it is the person itself.
        """
        if not self._paired:
            return people.copy()
        ends = self._begins[people] + slots
        # Below the paired ends, everything is a permutation of them; the odd one out stays where it is.
        odd = ends >= self._paired
        ends[odd] = 0
        partners = self._back(self._forth(ends) ^ 1)
        found = self._owners[partners].astype(np.int64)
        found[odd] = people[odd]
        return found

    def _forth(self, ends: Indexes) -> Indexes:
        return self._walk(ends, self._encrypt)

    def _back(self, places: Indexes) -> Indexes:
        return self._walk(places, self._decrypt)

    def _walk(self, numbers: Indexes, step: Step) -> Indexes:
        # The network permutes a few numbers more than there are ends: those are gone through again.
        result = step(numbers)
        beyond = np.flatnonzero(result >= self._paired)
        while len(beyond):
            result[beyond] = step(result[beyond])
            beyond = beyond[result[beyond] >= self._paired]
        return result

    def _encrypt(self, numbers: Indexes) -> Indexes:
        row, column = np.divmod(numbers, self._columns)
        for first, second in ((0, 1), (2, 3)):
            row = _wrapped(row + self._shifts[first][column], self._rows)
            column = _wrapped(column + self._shifts[second][row], self._columns)
        return row * self._columns + column

    def _decrypt(self, numbers: Indexes) -> Indexes:
        row, column = np.divmod(numbers, self._columns)
        for first, second in ((2, 3), (0, 1)):
            column = _wrapped(column - self._shifts[second][row] + self._columns, self._columns)
            row = _wrapped(row - self._shifts[first][column] + self._rows, self._rows)
        return row * self._columns + column

    @staticmethod
    def _shift_table(chance: Chance, number: int, size: int, bound: int) -> Indexes:
        words = chance.halves(Purpose.FRIENDS, 0, number, size)
        return below(words, np.full(size, bound))


def _wrapped(numbers: Indexes, bound: int) -> Indexes:
    return numbers - bound * (numbers >= bound)

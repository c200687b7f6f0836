"""Which of many belong together, because each is joined to the next."""

from __future__ import annotations


class Union:
    """Disjoint sets of numbers from 0, which grow together.

    Source: Tarjan, "Efficiency of a Good But Not Linear Set Union Algorithm", Journal of the ACM, 1975.
    """

    __slots__ = ("_parents", "_sizes")

    def __init__(self, count: int) -> None:
        """Each alone."""
        self._parents = list(range(count))
        self._sizes = [1] * count

    def add(self) -> int:
        """One more, alone."""
        self._parents.append(len(self._parents))
        self._sizes.append(1)
        return len(self._parents) - 1

    def join(self, one: int, other: int) -> None:
        """Puts the sets of two together."""
        small, large = sorted((self.root(one), self.root(other)), key=lambda root: self._sizes[root])
        if small != large:
            self._parents[small] = large
            self._sizes[large] += self._sizes[small]

    def root(self, number: int) -> int:
        """The same for all of a set, until it grows."""
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

"""What was found to hold lately: remembered for a short time, so that it is not asked for again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from services.mesh.clock import Clock

KeyT = TypeVar("KeyT", bound=Hashable)


class Lately(Generic[KeyT]):
    """Facts, the newest ones, each for the same time since it was found.

    Only what holds is put in: who has just come into a group is not told for a while that they are not in it.
    """

    def __init__(self, clock: Clock, *, facts_max: int, remember_ms: int) -> None:
        self._clock = clock
        self._facts_max = facts_max
        self._remember_s = remember_ms / 1000
        self._until_s: OrderedDict[KeyT, float] = OrderedDict()

    def holds(self, fact: KeyT) -> bool:
        """Whether it was found lately."""
        until_s = self._until_s.get(fact)
        return until_s is not None and self._clock.monotonic_s() < until_s

    def found(self, fact: KeyT) -> None:
        """It holds, as of now."""
        if not self._remember_s:
            return
        self._until_s.pop(fact, None)
        self._until_s[fact] = self._clock.monotonic_s() + self._remember_s
        if len(self._until_s) > self._facts_max:
            self._until_s.popitem(last=False)

    def gone(self, fact: KeyT) -> None:
        """It holds no longer."""
        self._until_s.pop(fact, None)

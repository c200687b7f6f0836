"""Friends help each other: cards that are asked for, and rare cards that are given away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cli.planner.calibration import Temper
from services.cli.planner.chance import LEVEL_COUNT, Chance, Purpose, below
from services.cli.planner.friends import Friendships, Indexes
from services.cli.planner.hands import ORDINARY, Hands, Mask
from services.cli.planner.people import Habits, People

_TRIES_MAX = 64
"""Tries of a day that have a stream of chance of their own."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Who asks whom is chance; whether they help depends on them, and on what they hold."""

    people: People
    habits: Habits
    friendships: Friendships
    temper: Temper
    chance: Chance

    def hold(self, hands: Hands, day: int, looking: Mask) -> None:
        """One day's asking and giving, among those who look at their hands."""
        askers = np.flatnonzero(looking & ~hands.done & (self.people.friend_counts > 0))
        askers = askers[(hands.ordinary[askers] == 0).any(axis=1)]
        self._ask(hands, day * _TRIES_MAX, looking, self._some(hands, day, askers))
        holders = askers[hands.rare[askers] > 0]
        for again in range(1, self.temper.asks_with_rare):
            self._ask(hands, day * _TRIES_MAX + again, looking, holders)
        for again in range(self.temper.gift_tries):
            self._give(hands, day * _TRIES_MAX + again, looking)

    def _some(self, hands: Hands, day: int, askers: Indexes) -> Indexes:
        """Those of them who do ask today: whoever holds the rare card, and a part of the others."""
        levels = self.chance.words(Purpose.ASKING, day, 1, len(askers)) >> np.uint64(48)
        chosen = levels < np.uint64(round(self.temper.asking * LEVEL_COUNT))
        return askers[chosen | (hands.rare[askers] > 0)]

    def _ask(self, hands: Hands, step: int, looking: Mask, askers: Indexes) -> None:
        """Each asks one friend for one card that is missing.

        Who holds no rare card gives even the last one to somebody who does; else people give only what they
        have two of, or what is left after a set.
        """
        words = self.chance.halves(Purpose.ASKING, step, 0, 3 * len(askers)).reshape(3, -1)
        kinds = _missing_kind(hands.ordinary[askers], words[0])
        askers, kinds, words = askers[kinds >= 0], kinds[kinds >= 0], words[:, kinds >= 0]
        friends = self._friends(askers, words[1])
        keeps = np.where(hands.done[friends] | ((hands.rare[askers] > 0) & (hands.rare[friends] == 0)), 0, 1)
        grants = looking[friends] & (friends != askers) & self._generous(friends, words[2])
        granted = np.flatnonzero(grants & (hands.ordinary[friends, kinds] > keeps))
        # Two may ask for the same copy: the first of them gets it.
        _, first = np.unique(friends[granted] * ORDINARY + kinds[granted], return_index=True)
        granted = granted[first]
        hands.ordinary[friends[granted], kinds[granted]] -= np.uint16(1)
        hands.ordinary[askers[granted], kinds[granted]] += np.uint16(1)

    def _give(self, hands: Hands, step: int, looking: Mask) -> None:
        """Rare cards that their holders cannot use, or despair of using, go to friends who can."""
        givers = np.flatnonzero(looking & (hands.rare > 0) & (self.people.friend_counts > 0))
        words = self.chance.halves(Purpose.GIVING, step, 0, 3 * len(givers)).reshape(3, -1)
        spare = hands.done[givers] | (hands.rare[givers] > 1)
        missing = (hands.ordinary[givers] == 0).sum(axis=1)
        despairs = (missing > 1) & (words[0] < np.uint32(round(self.temper.parting * (1 << 32))))
        offers = (spare | despairs) & self._generous(givers, words[2])
        givers, spare, words = givers[offers], spare[offers], words[:, offers]
        friends = self._friends(givers, words[1])
        ready = (hands.ordinary[friends] > 0).all(axis=1)
        takes = looking[friends] & ~hands.done[friends] & (hands.rare[friends] == 0) & (spare | ready)
        taken = np.flatnonzero(takes & (friends != givers))
        _, first = np.unique(friends[taken], return_index=True)
        taken = taken[first]
        hands.rare[givers[taken]] -= np.uint16(1)
        hands.rare[friends[taken]] += np.uint16(1)

    def _friends(self, persons: Indexes, words: NDArray[np.uint32]) -> Indexes:
        return self.friendships.friend(persons, below(words, self.people.friend_counts[persons]))

    def _generous(self, persons: Indexes, words: NDArray[np.uint32]) -> Mask:
        return (words >> np.uint32(16)) < self.habits.generosity[self.people.generosity[persons]]


def _missing_kind(ordinary: NDArray[np.uint16], words: NDArray[np.uint32]) -> Indexes:
    """One of the kinds of which each person has none, by chance; -1 where none is missing."""
    missing = ordinary == 0
    rank = below(words, missing.sum(axis=1))
    nth = np.cumsum(missing, axis=1) - 1
    chosen = missing & (nth == rank[:, np.newaxis])
    return np.where(chosen.any(axis=1), chosen.argmax(axis=1), -1)

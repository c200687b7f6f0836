"""Where the cards of a simulated game are: in hands or spent in sets, and counted as they come."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.cli.planner.chance import Words

ORDINARY = 4
"""Kinds of cards beside the rare one; nobody prefers one to another."""
_WORD_CARDS = 32
"""Kinds of cards that are drawn from one random word: two bits each."""

Counts = NDArray[np.uint16]
Mask = NDArray[np.bool_]
Indexes = NDArray[np.int64]


@dataclass(slots=True)
class Hands:
    """What everybody holds. Whoever completes a set is done, and can only give away what is left."""

    ordinary: NDArray[np.uint16]
    """By (person, kind)."""
    rare: Counts
    done: Mask
    sets: int = 0
    ordinary_issued: int = field(default=0)
    rare_issued: int = field(default=0)

    def deal_rare(self, persons: Indexes) -> None:
        """One rare card to each entry; a person may come several times in a row."""
        np.add.at(self.rare, persons, np.uint16(1))
        self.rare_issued += len(persons)

    def deal_ordinary(self, persons: slice, counts: Counts, words: Words) -> None:
        """So many cards of chance kinds to each person of a slice; `words` are as many as the people."""
        ordinary = self.ordinary[persons]
        self.ordinary_issued += int(counts.sum(dtype=np.int64))
        first = np.minimum(counts, _WORD_CARDS)
        ordinary += _kinds(words, first)
        # Few earn more in a day: for them the word is stirred and used again.
        more = np.flatnonzero(counts > _WORD_CARDS)
        left, stirred = counts[more] - np.uint16(_WORD_CARDS), words[more]
        while len(more):
            stirred = _stirred(stirred)
            ordinary[more] += _kinds(stirred, np.minimum(left, _WORD_CARDS))
            lasting = left > _WORD_CARDS
            more, stirred, left = more[lasting], stirred[lasting], left[lasting] - np.uint16(_WORD_CARDS)

    def complete(self, looking: Mask) -> None:
        """Those who look at their hand and find all five spend them, if they have not done so before."""
        persons = np.flatnonzero(looking & (self.rare > 0) & ~self.done)
        persons = persons[(self.ordinary[persons] > 0).all(axis=1)]
        self.ordinary[persons] -= np.uint16(1)
        self.rare[persons] -= np.uint16(1)
        self.done[persons] = True
        self.sets += len(persons)

    def require_conservation(self) -> None:
        """Raises AssertionError unless every card that was issued is in one hand or in one set."""
        held, held_rare = int(self.ordinary.sum(dtype=np.int64)), int(self.rare.sum(dtype=np.int64))
        if self.ordinary_issued != held + ORDINARY * self.sets or self.rare_issued != held_rare + self.sets:
            raise AssertionError(
                f"{self.ordinary_issued} + {self.rare_issued} cards issued, but {held} + {held_rare} held"
                f" and {self.sets} sets"
            )


def empty_hands(people: int) -> Hands:
    """Nobody has a card yet."""
    return Hands(
        ordinary=np.zeros((people, ORDINARY), np.uint16),
        rare=np.zeros(people, np.uint16),
        done=np.zeros(people, np.bool_),
    )


def _kinds(words: Words, counts: Counts) -> NDArray[np.uint16]:
    """How many of each kind: card i of a person is what bits i and 32 + i of the word say."""
    drawn = (np.uint64(1) << counts.astype(np.uint64)) - np.uint64(1)
    low, high = words & drawn, (words >> np.uint64(32)) & drawn
    both, either = np.bitwise_count(low & high), np.bitwise_count(low | high)
    kinds = np.empty((len(words), ORDINARY), np.uint16)
    kinds[:, 0] = counts - either
    kinds[:, 1] = np.bitwise_count(low) - both
    kinds[:, 2] = np.bitwise_count(high) - both
    kinds[:, 3] = both
    return kinds


def _stirred(words: Words) -> Words:
    # SplitMix64's step, https://prng.di.unimi.it/splitmix64.c
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))

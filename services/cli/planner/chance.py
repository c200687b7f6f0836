"""Chance as raw words of a bit generator, so that a seed gives the same game for ever, on any machine."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""Random words of 64 bits."""
Halves = NDArray[np.uint32]
"""Random words of 32 bits."""
Levels = NDArray[np.uint16]
"""Random words of 16 bits, or thresholds that they are compared with."""

CLASSES = 256
"""A trait of a person is one of so many classes, each as frequent as any other: one byte a person."""
LEVEL_COUNT = 1 << 16
POISSON_LEVELS = 1 << 12


class Purpose(enum.IntEnum):
    """What chance is for: each purpose has a stream of its own, so that one does not move another."""

    PEOPLE = 0
    FRIENDS = 1
    DAY = 2
    PLACES = 3
    KINDS = 4
    ASKING = 5
    GIVING = 6
    SPONSOR = 7
    QUOTA = 8
    QUITTING = 9
    REMINDING = 10


@dataclass(frozen=True, slots=True)
class Chance:
    """All chance of one run. Streams do not depend on the order in which they are asked for."""

    seed: int

    def words(self, purpose: Purpose, step: int, part: int, count: int) -> Words:
        """So many words of one stream: `step` is a day or a round of one, `part` a slice of the people."""
        sequence = np.random.SeedSequence((self.seed, purpose, step, part))
        return np.random.PCG64DXSM(sequence).random_raw(count).astype(np.uint64, copy=False)

    def halves(self, purpose: Purpose, step: int, part: int, count: int) -> Halves:
        """So many words of 32 bits of one stream."""
        return self.words(purpose, step, part, (count + 1) // 2).view("<u4")[:count]


def below(words: Halves, bounds: NDArray[np.integer]) -> NDArray[np.int64]:
    """A number in [0, bound) for each word; bounds up to 2^31. For bound 0 it is 0."""
    return (words.astype(np.uint64) * bounds.astype(np.uint64) >> np.uint64(32)).astype(np.int64)


def log_normal(spread: float) -> NDArray[np.float64]:
    """Values of the classes of a trait with mean 1 and a heavy tail; `spread` is that of its logarithm."""
    values = [math.exp(spread * deviate) for deviate in _deviates()]
    mean = math.fsum(values) / len(values)
    return np.array([value / mean for value in values])


def shares(median: float, spread: float) -> NDArray[np.float64]:
    """Values of the classes of a trait between 0 and 1; `spread` is that of its log odds."""
    middle = math.log(median / (1 - median))
    return np.array([1 / (1 + math.exp(-(middle + spread * deviate))) for deviate in _deviates()])


def thresholds(values: NDArray[np.float64]) -> Levels:
    """Levels below which a random 16-bit word lies with the given probabilities (1 becomes 65535/65536)."""
    return np.minimum(np.rint(values * LEVEL_COUNT), LEVEL_COUNT - 1).astype(np.uint16)


def poisson_table(means: NDArray[np.float64], most: int = 255) -> NDArray[np.uint8]:
    """Poisson counts by (class, level), up to `most`: the inverse of the distribution at equal steps."""
    steps = (np.arange(POISSON_LEVELS) + 0.5) / POISSON_LEVELS
    table = np.zeros((len(means), POISSON_LEVELS), np.uint8)
    for row, mean in enumerate(means):
        probability = reached = math.exp(-mean)
        count = 0
        while reached < steps[-1] and count < most:
            table[row, np.searchsorted(steps, reached) :] += 1
            count += 1
            probability *= mean / count
            reached += probability
    return table


def _deviates() -> list[float]:
    normal = NormalDist()
    return [normal.inv_cdf((one + 0.5) / CLASSES) for one in range(CLASSES)]

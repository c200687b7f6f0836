"""The graph that `bench social` loads: a few people with very many friends, most with some dozens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

MEAN_FRIENDS = 50
_SHAPE = 1.8
"""Of the Pareto distribution of popularity: the smaller, the heavier its tail."""
FRIENDS_MAX = 5_000
"""As many as the service lets a person have."""
_SPARE = 1.25
"""So many more are drawn than wanted: some come twice, and some people are full."""


@dataclass(frozen=True)
class Graph:
    """Pairs of friends, sorted by (lower, higher)."""

    lows: Ids
    highs: Ids

    @cached_property
    def _by_person(self) -> tuple[Ids, Ids]:
        """Both sides of every pair, sorted by person and then by friend."""
        people = np.concatenate([self.lows, self.highs])
        friends = np.concatenate([self.highs, self.lows])
        order = np.lexsort((friends, people))
        return people[order], friends[order]

    @cached_property
    def people(self) -> Ids:
        """Everybody who has a friend, by rising number."""
        return np.unique(self._by_person[0])

    @cached_property
    def keys(self) -> Ids:
        """One number for each pair, rising."""
        return self.keys_of(self.lows, self.highs)

    def keys_of(self, lows: Ids, highs: Ids) -> Ids:
        """The numbers of pairs of people."""
        return np.searchsorted(self.people, lows) * len(self.people) + np.searchsorted(self.people, highs)

    def friends_of(self, person: int) -> Ids:
        """A person's friends, by rising number."""
        people, friends = self._by_person
        start, end = np.searchsorted(people, [person, person + 1])
        return friends[start:end]

    def friend_counts(self) -> Ids:
        """How many friends each of `people` has."""
        return np.unique(self._by_person[0], return_counts=True)[1]

    def mutual(self, one: int, other: int) -> Ids:
        """Friends of both, by rising number."""
        return np.intersect1d(self.friends_of(one), self.friends_of(other), assume_unique=True)


def draw_graph(pairs: int, seed: int) -> Graph:
    """A random graph of exactly so many pairs; the same for the same seed."""
    rng = np.random.default_rng(seed)
    # Of a small graph more people, so that there are far more pairs to draw from than are wanted.
    people_count = max(2 * pairs // MEAN_FRIENDS, math.isqrt(16 * pairs))
    ids = np.unique(rng.integers(1, 2**63 - 1, people_count, dtype=np.int64))
    weights = rng.pareto(_SHAPE, len(ids)) + 1
    weights /= weights.sum()
    # Nobody may have more friends than the service allows: what is above goes to everybody.
    weights = np.minimum(weights, 0.6 * FRIENDS_MAX / (2 * _SPARE * pairs))
    weights /= weights.sum()
    lows, highs = _distinct(rng, ids, weights, pairs)
    kept = np.sort(rng.permutation(len(lows))[:pairs])
    return Graph(lows[kept], highs[kept])


def _distinct(
    rng: np.random.Generator, ids: Ids, weights: npt.NDArray[np.float64], pairs: int
) -> tuple[Ids, Ids]:
    """At least so many different pairs, sorted."""
    steps = np.cumsum(weights)
    drawn = np.empty(0, dtype=np.int64)
    count = len(ids)
    while len(drawn) < pairs:
        ends = np.searchsorted(steps, rng.random((2, int(_SPARE * pairs)))).clip(max=count - 1)
        low, high = ends.min(axis=0), ends.max(axis=0)
        fresh = (low * count + high)[low < high]
        drawn = np.unique(np.concatenate([drawn, fresh]))
    return ids[drawn // count], ids[drawn % count]


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked, laid out beforehand, with the answers that are due."""

    people: list[int]
    """Whose friends are listed."""
    twos: list[tuple[int, int]]
    """Of whom the friends in common are listed: friends of one friend."""
    batches: list[tuple[Ids, Ids, npt.NDArray[np.bool_]]]
    """Pairs to look at, by batch, and whether they are friends: half of them are."""


def draw_questions(graph: Graph, lists: int, batches: int, batch_pairs: int, seed: int) -> Questions:
    """Random questions; people come up as often as they have friends."""
    rng = np.random.default_rng(seed)
    pair_count, everybody = len(graph.lows), graph.people
    some = rng.integers(0, pair_count, lists)
    people = np.where(_heads(rng, lists), graph.lows[some], graph.highs[some]).tolist()
    twos: list[tuple[int, int]] = []
    while len(twos) < lists:
        friends = graph.friends_of(int(graph.lows[rng.integers(0, pair_count)]))
        if len(friends) > 1:
            one, other = rng.choice(friends, 2, replace=False)
            twos.append((int(one), int(other)))
    return Questions(people, twos, [_batch(rng, graph, everybody, batch_pairs) for _ in range(batches)])


def _batch(
    rng: np.random.Generator, graph: Graph, everybody: Ids, size: int
) -> tuple[Ids, Ids, npt.NDArray[np.bool_]]:
    half = size // 2
    known = rng.integers(0, len(graph.lows), half)
    strangers = rng.choice(everybody, (2, size - half))
    ones = np.concatenate([graph.lows[known], strangers[0]])
    others = np.concatenate([graph.highs[known], strangers[1]])
    turned = _heads(rng, size)
    ones, others = np.where(turned, others, ones), np.where(turned, ones, others)
    order = rng.permutation(size)
    ones, others = ones[order], others[order]
    return ones, others, _are_friends(graph, ones, others)


def _heads(rng: np.random.Generator, size: int) -> npt.NDArray[np.bool_]:
    return rng.integers(0, 2, size, dtype=np.int8).astype(np.bool_)


def _are_friends(graph: Graph, ones: Ids, others: Ids) -> npt.NDArray[np.bool_]:
    wanted = graph.keys_of(np.minimum(ones, others), np.maximum(ones, others))
    places = np.searchsorted(graph.keys, wanted).clip(max=len(graph.keys) - 1)
    found: npt.NDArray[np.bool_] = graph.keys[places] == wanted
    return found

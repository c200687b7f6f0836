"""Which hubs belong together: they share givers, or pass cards to the same people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.flows.hubs import Hub
from services.cards.domain.flows.union import Union
from services.cards.domain.vocabulary import CARDS

SHARED_GIVERS_MIN = 3
"""So many people give to both of two hubs, at least: fewer are a coincidence among friends."""
SHARED_PARTS = 5
"""And they are at least a fifth of the people who give to the smaller one."""
FORWARDED_CARDS_MIN = 5
"""So many cards a hub gives to one person, at least, to be joined to them."""
FORWARDED_PARTS = 4
"""And they are at least a quarter of what it got."""
GIVER_HUBS_MAX = 16
"""Of the hubs of one giver, those who got most are looked at."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the shards told."""

    hubs: Sequence[Hub]
    """By person id."""
    hubs_left_out: int
    given_cards: tuple[int, ...]
    """Cards given in the whole game, by card."""


def strongest(hubs: Sequence[Hub], hubs_max: int, people_max: int) -> list[Hub]:
    """Those with most givers, by person id: so many hubs, with so many people on their sides, at most."""
    kept: list[Hub] = []
    for hub in sorted(hubs, key=lambda hub: (-hub.giver_count, hub.person_id))[:hubs_max]:
        people_max -= hub.width
        if kept and people_max < 0:
            break
        kept.append(hub)
    return sorted(kept, key=lambda hub: hub.person_id)


class HubGathering:
    """Hubs as shards tell of them, of which only the strongest are kept."""

    def __init__(self, hubs_max: int, people_max: int) -> None:
        """None yet; at most so many are kept, with so many people on their sides."""
        self._bounds = (hubs_max, people_max)
        self._kept: list[Hub] = []
        self._width = 0
        self._seen = 0
        self._given_cards = [0] * len(CARDS)

    def add(self, hubs: Sequence[Hub]) -> None:
        """Some more of them."""
        self._kept += hubs
        self._seen += len(hubs)
        self._width += sum(hub.width for hub in hubs)
        hubs_max, people_max = self._bounds
        if len(self._kept) > 2 * hubs_max or self._width > 2 * people_max:
            self._drop_weak()

    def add_shard(self, cards: Sequence[int], left_out: int) -> None:
        """What all people of a shard received, by card, and how many of its hubs were not told of."""
        self._seen += left_out
        self._given_cards = [sum(pair) for pair in zip(self._given_cards, cards, strict=True)]

    def gathered(self) -> Gathered:
        """What came of it."""
        self._drop_weak()
        return Gathered(self._kept, self._seen - len(self._kept), tuple(self._given_cards))

    def _drop_weak(self) -> None:
        self._kept = strongest(self._kept, *self._bounds)
        self._width = sum(hub.width for hub in self._kept)


def join_hubs(hubs: Sequence[Hub]) -> Sequence[Sequence[Hub]]:
    """Hubs that belong together; every hub is in one group, alone if it is joined to none."""
    union = Union(len(hubs))
    for one, other in _sharing(hubs):
        union.join(one, other)
    _join_forwarding(hubs, union)
    groups: dict[int, list[Hub]] = {}
    for number, hub in enumerate(hubs):
        groups.setdefault(union.root(number), []).append(hub)
    return list(groups.values())


def _sharing(hubs: Sequence[Hub]) -> Iterator[tuple[int, int]]:
    """Pairs of hubs, by number, with enough givers in common."""
    count = len(hubs)
    widths = np.array([len(hub.givers) for hub in hubs], np.int64)
    if not count:
        return
    givers = np.concatenate([hub.givers.person_ids for hub in hubs])
    cards = np.concatenate([hub.givers.cards.sum(axis=1) for hub in hubs])
    of_givers = _pairs(givers, cards, np.repeat(np.arange(count), widths), count)
    pairs, shared = np.unique(np.concatenate(list(of_givers)), return_counts=True)
    one, other = pairs // count, pairs % count
    enough = np.maximum(SHARED_GIVERS_MIN, -(-np.minimum(widths[one], widths[other]) // SHARED_PARTS))
    is_joined = shared >= enough
    yield from zip(one[is_joined].tolist(), other[is_joined].tolist(), strict=True)


def _pairs(
    givers: NDArray[np.int64], cards: NDArray[np.int64], hubs: NDArray[np.int64], hub_count: int
) -> Iterator[NDArray[np.int64]]:
    """For each giver every two of their hubs, as one number; the smaller hub's comes first."""
    order = np.lexsort((hubs, -cards, givers))
    givers, hubs = givers[order], hubs[order]
    firsts = np.flatnonzero(np.append(True, givers[1:] != givers[:-1])[: len(givers)])
    ranks = np.arange(len(givers)) - np.repeat(firsts, np.diff(np.append(firsts, len(givers))))
    is_looked_at = ranks < GIVER_HUBS_MAX
    givers, hubs = givers[is_looked_at], hubs[is_looked_at]
    yield hubs[:0]
    for apart in range(1, GIVER_HUBS_MAX):
        is_same = givers[apart:] == givers[:-apart]
        one, other = hubs[:-apart][is_same], hubs[apart:][is_same]
        yield np.minimum(one, other) * hub_count + np.maximum(one, other)


def _join_forwarding(hubs: Sequence[Hub], union: Union) -> None:
    """Joins hubs with those they give much of what they get to: hubs, or people behind several hubs."""
    numbers = {hub.person_id: number for number, hub in enumerate(hubs)}
    for number, hub in enumerate(hubs):
        got = int(hub.givers.cards.sum())
        enough = max(FORWARDED_CARDS_MIN, -(-got // FORWARDED_PARTS))
        is_much = hub.receivers.cards.sum(axis=1) >= enough
        for person_id in hub.receivers.person_ids[is_much].tolist():
            if person_id not in numbers:
                numbers[person_id] = union.add()
            union.join(number, numbers[person_id])

"""Hubs: people of a shard who received cards from many."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.cards.domain.flows.given import Given
from services.cards.domain.flows.sides import Flows, FlowSide, flows_between


@dataclass(frozen=True, slots=True)
class Hub:
    """One of them."""

    person_id: int
    giver_count: int
    """Different people they received from."""
    givers: FlowSide
    """Those of them who gave most."""
    receivers: FlowSide
    """To whom they gave on: those who received most."""

    @property
    def width(self) -> int:
        """People on both sides."""
        return len(self.givers) + len(self.receivers)


@dataclass(frozen=True, slots=True)
class ShardHubs:
    """The hubs of a shard's part of a game."""

    hubs: Sequence[Hub]
    """By person id."""
    received_cards: tuple[int, ...]
    """Cards that people of the shard received, hubs or not, by card."""
    left_out: int = 0
    """Hubs with fewer givers that are not told of."""

    def page(self, after_person_id: int, hubs_max: int, people_max: int) -> Sequence[Hub]:
        """Those after a person: at most so many, with at most so many people on their sides, at least one."""
        first = bisect.bisect_right(self.hubs, after_person_id, key=lambda hub: hub.person_id)
        page: list[Hub] = []
        for hub in self.hubs[first : first + hubs_max]:
            people_max -= hub.width
            if page and people_max < 0:
                break
            page.append(hub)
        return page


@dataclass(frozen=True, slots=True)
class HubBounds:
    """How many hubs are told, and with how many people each."""

    hubs_max: int
    givers_max: int
    receivers_max: int


def find_hubs(given: Given, givers_min: int, bounds: HubBounds) -> ShardHubs:
    """Everybody of the shard who received from so many different people."""
    received = given.received_here()
    # Who got fewer cards than that got them from fewer people: most rows need not be put in order.
    people, numbers, card_counts = np.unique(received.receiver_ids, return_inverse=True, return_counts=True)
    busy = received.of(card_counts[numbers] >= givers_min)
    came = flows_between(busy.receiver_ids, busy.giver_ids, busy.cards, busy.given_at_ms)
    people, giver_counts = np.unique(came.from_ids, return_counts=True)
    is_hub = giver_counts >= givers_min
    hub_ids, giver_counts = people[is_hub], giver_counts[is_hub]
    most = np.sort(np.lexsort((hub_ids, -giver_counts))[: bounds.hubs_max])
    left_out = len(hub_ids) - len(most)
    hub_ids, giver_counts = hub_ids[most], giver_counts[most]
    went = _went(given.given_here(), hub_ids)
    hubs = [
        Hub(
            person_id,
            giver_count,
            came.side_of(person_id).most(bounds.givers_max),
            went.side_of(person_id).most(bounds.receivers_max),
        )
        for person_id, giver_count in zip(hub_ids.tolist(), giver_counts.tolist(), strict=True)
    ]
    return ShardHubs(hubs, received.card_counts(), left_out)


def _went(given: Given, hub_ids: np.typing.NDArray[np.int64]) -> Flows:
    """What hubs gave on."""
    of_hubs = given.of(np.isin(given.giver_ids, hub_ids))
    return flows_between(of_hubs.giver_ids, of_hubs.receiver_ids, of_hubs.cards, of_hubs.given_at_ms)

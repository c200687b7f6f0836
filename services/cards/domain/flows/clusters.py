"""Clusters of hubs: who has to do with them, what flowed, and whether it looks like a ring.

A ring buys up cards: accounts that were made for it earn cards and give all of them, soon, to the same few,
and never finish a set. Honest popular people receive from many, too; but their givers keep playing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.flows.facts import PlayFacts
from services.cards.domain.flows.hubs import Hub
from services.cards.domain.flows.sides import FlowSide, sides_together

FRESH_GIVEN_PERCENT_MIN = 80
"""A fresh giver gave away so much of all that they got, at least."""
FRESH_TO_CLUSTER_PERCENT_MIN = 90
"""And so much of what they gave to hubs of the cluster."""
FRESH_WITHIN_MS = 24 * 3_600_000
"""And the first of it so soon after their first card."""
RING_FRESH_PERCENT_MIN = 50
"""In a ring so many of the givers are fresh, at least."""


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What is known of people, in order of their ids."""

    person_ids: NDArray[np.int64]
    facts: PlayFacts

    def of(self, person_ids: NDArray[np.int64]) -> PlayFacts:
        """Facts of people who are all known."""
        rows = np.searchsorted(self.person_ids, person_ids)
        assert np.array_equal(self.person_ids[rows], person_ids), "everybody in a cluster was asked for"
        return self.facts.of(rows)


@dataclass(frozen=True, slots=True)
class Link:
    """What a hub gave on to one person."""

    from_id: int
    to_id: int
    cards: tuple[int, ...]
    """Counts of each of `CARDS`."""
    first_given_at_ms: int
    last_given_at_ms: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Hubs that belong together, and everybody who has to do with them."""

    hubs: Sequence[Hub]
    """Those with most givers first."""
    hub_facts: PlayFacts
    givers: FlowSide
    """Who gave to hubs and is none."""
    giver_facts: PlayFacts
    is_fresh: NDArray[np.bool_]
    """Which of the givers are."""
    forwarded: FlowSide
    """Everybody to whom hubs gave on."""
    receivers: FlowSide
    """Those of them who gave hubs nothing, and are none."""

    @property
    def fresh_count(self) -> int:
        """Givers who are fresh."""
        return int(self.is_fresh.sum())

    @property
    def given_cards(self) -> tuple[int, ...]:
        """Cards that came to the hubs from others, by card."""
        return tuple(self.givers.cards.sum(axis=0).tolist())

    @property
    def forwarded_cards(self) -> tuple[int, ...]:
        """Cards that hubs gave on, to other hubs too, by card."""
        return tuple(self.forwarded.cards.sum(axis=0).tolist())

    @property
    def deal_to_gift_minutes(self) -> int:
        """The median of the givers' medians; -1 for none."""
        minutes = self.giver_facts.deal_to_gift_minutes
        minutes = np.sort(minutes[minutes >= 0])
        return int(minutes[(len(minutes) - 1) // 2]) if len(minutes) else -1

    def span_ms(self) -> tuple[int, int]:
        """When the first and the last card flowed."""
        sides = [*(hub.givers for hub in self.hubs), self.forwarded]
        firsts = np.concatenate([side.first_given_at_ms for side in sides])
        lasts = np.concatenate([side.last_given_at_ms for side in sides])
        return int(firsts.min()), int(lasts.max())

    def is_ring(self, givers_min: int) -> bool:
        """Whether most givers are fresh, and so many that they would make a hub alone."""
        enough = self.fresh_count >= givers_min
        return enough and self.fresh_count * 100 >= len(self.givers) * RING_FRESH_PERCENT_MIN

    def links(self, links_max: int) -> list[Link]:
        """What hubs gave on, the most cards first."""
        links = [
            Link(hub.person_id, to_id, tuple(cards), first_ms, last_ms)
            for hub in self.hubs
            for to_id, cards, first_ms, last_ms in zip(
                *(column.tolist() for column in _columns(hub.receivers)), strict=True
            )
        ]
        links.sort(key=lambda link: (-sum(link.cards), link.from_id, link.to_id))
        return links[:links_max]


def form_cluster(hubs: Sequence[Hub], known: KnownFacts) -> Cluster:
    """Puts together what is known of hubs that belong together."""
    ordered = sorted(hubs, key=lambda hub: (-hub.giver_count, hub.person_id))
    hub_ids = np.array([hub.person_id for hub in ordered], np.int64)
    everybody = sides_together([hub.givers for hub in ordered])
    givers = everybody.of(~np.isin(everybody.person_ids, hub_ids))
    forwarded = sides_together([hub.receivers for hub in ordered])
    facts = known.of(givers.person_ids)
    return Cluster(
        hubs=ordered,
        hub_facts=known.of(hub_ids),
        givers=givers,
        giver_facts=facts,
        is_fresh=_are_fresh(givers, facts),
        forwarded=forwarded,
        receivers=forwarded.of(
            ~np.isin(forwarded.person_ids, hub_ids) & ~np.isin(forwarded.person_ids, givers.person_ids)
        ),
    )


def _are_fresh(givers: FlowSide, facts: PlayFacts) -> NDArray[np.bool_]:
    got = facts.dealt + facts.received
    to_cluster = givers.cards.sum(axis=1)
    fresh: NDArray[np.bool_] = (
        (got > 0)
        & ~facts.have_completed
        & (facts.given * 100 >= got * FRESH_GIVEN_PERCENT_MIN)
        & (to_cluster * 100 >= facts.given * FRESH_TO_CLUSTER_PERCENT_MIN)
        & (givers.first_given_at_ms - facts.first_card_at_ms <= FRESH_WITHIN_MS)
    )
    return fresh


def _columns(side: FlowSide) -> tuple[NDArray[np.int64], ...]:
    return side.person_ids, side.cards, side.first_given_at_ms, side.last_given_at_ms

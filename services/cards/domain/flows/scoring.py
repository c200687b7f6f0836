"""How much a cluster looks like a ring: points with their reasons, so that a person can follow them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from services.cards.domain.flows.clusters import Cluster
from services.cards.domain.flows.counts import RARE

FAST_MINUTES = 60
"""Who had their cards for less passed them on fast."""


class Reason(enum.IntEnum):
    """Why a cluster has points; numbers are those of the contract."""

    FRESH_GIVERS = 1
    RARE_CARDS = 2
    PASSED_ON_FAST = 3
    FORWARDED = 4


@dataclass(frozen=True, slots=True)
class Points:
    """What a reason counts for."""

    reason: Reason
    points: int


POINTS_MAX = {
    Reason.FRESH_GIVERS: 60,
    Reason.RARE_CARDS: 15,
    Reason.PASSED_ON_FAST: 15,
    Reason.FORWARDED: 10,
}
"""100 in all. Only fresh givers have points of their own: the others count as far as givers are fresh,
because the rare card, haste and giving on are nothing bad among friends."""


def score(cluster: Cluster, given_cards: Sequence[int]) -> list[Points]:
    """The points of a cluster, where there are any; `given_cards` is what was given in the whole game."""
    givers, fresh = len(cluster.givers), cluster.fresh_count
    if not fresh:
        return []
    minutes = cluster.giver_facts.deal_to_gift_minutes
    fast = int((cluster.is_fresh & (minutes >= 0) & (minutes < FAST_MINUTES)).sum())
    got, forwarded = sum(cluster.given_cards), sum(cluster.forwarded_cards)
    rare, rare_in_all, all_given = cluster.given_cards[RARE - 1], given_cards[RARE - 1], sum(given_cards)
    parts = {
        Reason.FRESH_GIVERS: (fresh, givers),
        # How far the share of the rare card is on its way from that of the whole game to all of it.
        Reason.RARE_CARDS: (
            fresh * max(rare * all_given - rare_in_all * got, 0),
            givers * max(got * (all_given - rare_in_all), 1),
        ),
        Reason.PASSED_ON_FAST: (fast, givers),
        Reason.FORWARDED: (fresh * min(forwarded, got), givers * got),
    }
    points = [
        Points(reason, POINTS_MAX[reason] * part // whole) for reason, (part, whole) in parts.items() if whole
    ]
    return [one for one in points if one.points]

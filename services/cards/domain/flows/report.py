"""A report on a game's clusters: what the home shard makes of what all shards tell."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.cards.domain.flows.clusters import Cluster, KnownFacts, form_cluster
from services.cards.domain.flows.facts import PlayFacts
from services.cards.domain.flows.hubs import Hub
from services.cards.domain.flows.joining import Gathered, join_hubs
from services.cards.domain.flows.scoring import Points, score
from services.cards.domain.flows.sides import FlowSide
from services.cards.domain.vocabulary import CARDS, CampaignId

NO_CARDS = (0,) * len(CARDS)


class Role(enum.IntEnum):
    """What a person is in a cluster; numbers are those of the contract."""

    HUB = 1
    RECEIVER = 2
    GIVER = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """A cluster and what is to be thought of it."""

    cluster: Cluster
    is_ring: bool
    points: Sequence[Points]

    @property
    def score(self) -> int:
        """From 0 to 100."""
        return sum(one.points for one in self.points)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that an operator may look at."""

    report_id: int
    campaign_id: CampaignId
    givers_min: int
    made_at_ms: int
    gathered: Gathered
    clusters: Sequence[Scored]
    """Rings first, then by score."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person and what they have to do with a cluster."""

    person_id: int
    role: Role
    is_fresh: bool
    given_cards: Sequence[int]
    received_cards: Sequence[int]
    first_given_at_ms: int
    last_given_at_ms: int
    facts: PlayFacts | None
    """Of one person; None for receivers."""


def make_clusters(gathered: Gathered, known: KnownFacts, givers_min: int) -> Sequence[Scored]:
    """Joins hubs and scores what comes of it."""
    clusters = (form_cluster(group, known) for group in join_hubs(gathered.hubs))
    scored = [
        Scored(cluster, cluster.is_ring(givers_min), score(cluster, gathered.given_cards))
        for cluster in clusters
    ]
    scored.sort(
        key=lambda one: (
            not one.is_ring,
            -one.score,
            -len(one.cluster.givers),
            one.cluster.hubs[0].person_id,
        )
    )
    return scored


def people_of(hubs: Sequence[Hub]) -> np.typing.NDArray[np.int64]:
    """Hubs and their givers, each once, by id: who has to be asked for."""
    hub_ids = np.array([hub.person_id for hub in hubs], np.int64)
    return np.unique(np.concatenate([hub_ids, *(hub.givers.person_ids for hub in hubs)]))


def members(cluster: Cluster, position: int, count: int) -> list[Member]:
    """Hubs, then receivers, then givers, fresh ones first: so many of them, from a position on."""
    receivers, givers = cluster.receivers, cluster.givers
    receiver_rows = np.lexsort((receivers.person_ids, -receivers.cards.sum(axis=1)))
    giver_rows = np.lexsort((givers.person_ids, -givers.cards.sum(axis=1), ~cluster.is_fresh))
    rows = np.concatenate([np.arange(len(cluster.hubs)), receiver_rows, giver_rows])
    givers_from = len(cluster.hubs) + len(receivers)
    return [
        _member(cluster, number, int(rows[number]), givers_from)
        for number in range(position, min(position + count, len(rows)))
    ]


def member_count(cluster: Cluster) -> int:
    """How many there are."""
    return len(cluster.hubs) + len(cluster.receivers) + len(cluster.givers)


def _member(cluster: Cluster, number: int, row: int, givers_from: int) -> Member:
    if number < len(cluster.hubs):
        return _hub(cluster.hubs[row], cluster.hub_facts.of(slice(row, row + 1)))
    if number < givers_from:
        return _at(cluster.receivers, row, Role.RECEIVER, (NO_CARDS, cluster.receivers.cards[row].tolist()))
    givers, forwarded = cluster.givers, cluster.forwarded
    back = forwarded.cards[forwarded.person_ids == givers.person_ids[row]]
    flow = (givers.cards[row].tolist(), back.sum(axis=0).tolist())
    facts = cluster.giver_facts.of(slice(row, row + 1))
    return _at(givers, row, Role.GIVER, flow, facts, is_fresh=bool(cluster.is_fresh[row]))


def _hub(hub: Hub, facts: PlayFacts) -> Member:
    sides = (hub.givers, hub.receivers)
    return Member(
        person_id=hub.person_id,
        role=Role.HUB,
        is_fresh=False,
        given_cards=hub.receivers.cards.sum(axis=0).tolist(),
        received_cards=hub.givers.cards.sum(axis=0).tolist(),
        first_given_at_ms=min(int(side.first_given_at_ms.min()) for side in sides if len(side)),
        last_given_at_ms=max(int(side.last_given_at_ms.max()) for side in sides if len(side)),
        facts=facts,
    )


def _at(
    side: FlowSide,
    row: int,
    role: Role,
    flow: tuple[Sequence[int], Sequence[int]],
    facts: PlayFacts | None = None,
    *,
    is_fresh: bool = False,
) -> Member:
    """`flow` is what the person gave, and what they received."""
    return Member(
        person_id=int(side.person_ids[row]),
        role=role,
        is_fresh=is_fresh,
        given_cards=flow[0],
        received_cards=flow[1],
        first_given_at_ms=int(side.first_given_at_ms[row]),
        last_given_at_ms=int(side.last_given_at_ms[row]),
        facts=facts,
    )

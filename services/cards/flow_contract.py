"""What a report on clusters is made of, of the contract and of the rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hongbao.cards.v1 import flows_pb2
from services.cards.domain.flows.clusters import Link
from services.cards.domain.flows.facts import PlayFacts
from services.cards.domain.flows.hubs import Hub
from services.cards.domain.flows.report import Member, Report, Scored
from services.cards.domain.flows.sides import FlowSide
from services.cards.domain.vocabulary import CARDS
from services.mesh.timestamps import timestamp, timestamp_or_none

_HUBS_SHOWN_MAX = 20
_LINKS_SHOWN_MAX = 20


def hub_to_contract(hub: Hub) -> flows_pb2.Hub:
    """A hub as shards tell each other of it."""
    return flows_pb2.Hub(
        person_id=hub.person_id,
        giver_count=hub.giver_count,
        givers=_side_to_contract(hub.givers),
        receivers=_side_to_contract(hub.receivers),
    )


def hub_from_contract(hub: flows_pb2.Hub) -> Hub:
    """The inverse of `hub_to_contract`."""
    return Hub(
        person_id=hub.person_id,
        giver_count=hub.giver_count,
        givers=_side_from_contract(hub.givers),
        receivers=_side_from_contract(hub.receivers),
    )


def facts_to_contract(facts: PlayFacts) -> flows_pb2.DescribeGiversResponse:
    """How people have played, in columns."""
    return flows_pb2.DescribeGiversResponse(
        first_card_at_ms=facts.first_card_at_ms.tolist(),
        dealt_counts=facts.dealt.tolist(),
        received_counts=facts.received.tolist(),
        given_counts=facts.given.tolist(),
        held_counts=facts.held.tolist(),
        have_completed=facts.have_completed.tolist(),
        deal_to_gift_minutes=facts.deal_to_gift_minutes.tolist(),
    )


def facts_from_contract(told: flows_pb2.DescribeGiversResponse) -> PlayFacts:
    """The inverse of `facts_to_contract`."""
    return PlayFacts(
        first_card_at_ms=np.array(told.first_card_at_ms, np.int64),
        dealt=np.array(told.dealt_counts, np.int64),
        received=np.array(told.received_counts, np.int64),
        given=np.array(told.given_counts, np.int64),
        held=np.array(told.held_counts, np.int64),
        have_completed=np.array(told.have_completed, np.bool_),
        deal_to_gift_minutes=np.array(told.deal_to_gift_minutes, np.int64),
    )


def cluster_to_contract(report: Report, number: int) -> flows_pb2.Cluster:
    """A cluster of a report as an operator sees it; they are numbered from 1."""
    scored = report.clusters[number - 1]
    cluster = scored.cluster
    first_ms, last_ms = cluster.span_ms()
    return flows_pb2.Cluster(
        cluster_no=number,
        is_ring=scored.is_ring,
        score=scored.score,
        reasons=_reasons(scored),
        hub_count=len(cluster.hubs),
        giver_count=len(cluster.givers),
        fresh_giver_count=cluster.fresh_count,
        receiver_count=len(cluster.receivers),
        given_cards=cluster.given_cards,
        forwarded_cards=cluster.forwarded_cards,
        first_given_at=timestamp(first_ms),
        last_given_at=timestamp(last_ms),
        deal_to_gift_minutes=cluster.deal_to_gift_minutes,
        hub_person_ids=[hub.person_id for hub in cluster.hubs[:_HUBS_SHOWN_MAX]],
        links=map(_link, cluster.links(_LINKS_SHOWN_MAX)),
    )


def member_to_contract(member: Member) -> flows_pb2.ClusterMember:
    """A member of a cluster as an operator sees them."""
    return flows_pb2.ClusterMember(
        person_id=member.person_id,
        role=flows_pb2.MemberRole.ValueType(member.role.value),
        is_fresh=member.is_fresh,
        given_cards=member.given_cards,
        received_cards=member.received_cards,
        first_given_at=timestamp(member.first_given_at_ms),
        last_given_at=timestamp(member.last_given_at_ms),
        facts=None if member.facts is None else _facts_of_one(member.facts),
    )


def _reasons(scored: Scored) -> Sequence[flows_pb2.ClusterScore]:
    return [
        flows_pb2.ClusterScore(reason=flows_pb2.ClusterReason.ValueType(one.reason.value), points=one.points)
        for one in scored.points
    ]


def _link(link: Link) -> flows_pb2.FlowLink:
    return flows_pb2.FlowLink(
        from_person_id=link.from_id,
        to_person_id=link.to_id,
        cards=link.cards,
        first_given_at=timestamp(link.first_given_at_ms),
        last_given_at=timestamp(link.last_given_at_ms),
    )


def _facts_of_one(facts: PlayFacts) -> flows_pb2.PlayFacts:
    return flows_pb2.PlayFacts(
        first_card_at=timestamp_or_none(int(facts.first_card_at_ms[0])),
        dealt_count=int(facts.dealt[0]),
        received_count=int(facts.received[0]),
        given_count=int(facts.given[0]),
        held_count=int(facts.held[0]),
        has_completed=bool(facts.have_completed[0]),
        deal_to_gift_minutes=int(facts.deal_to_gift_minutes[0]),
    )


def _side_to_contract(side: FlowSide) -> flows_pb2.FlowSide:
    return flows_pb2.FlowSide(
        person_ids=side.person_ids.tolist(),
        cards=side.cards.reshape(-1).tolist(),
        first_given_at_ms=side.first_given_at_ms.tolist(),
        last_given_at_ms=side.last_given_at_ms.tolist(),
    )


def _side_from_contract(side: flows_pb2.FlowSide) -> FlowSide:
    return FlowSide(
        person_ids=np.array(side.person_ids, np.int64),
        cards=np.array(side.cards, np.int64).reshape(-1, len(CARDS)),
        first_given_at_ms=np.array(side.first_given_at_ms, np.int64),
        last_given_at_ms=np.array(side.last_given_at_ms, np.int64),
    )

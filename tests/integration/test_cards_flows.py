"""Reports on who collects cards, between processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from hongbao.cards.v1 import (
    cards_pb2,
    events_pb2,
    exchanges_pb2,
    exchanges_pb2_grpc,
    flows_pb2,
    flows_pb2_grpc,
)
from services.mesh.shards.hashing import shard_of_text
from tests.integration.cards_mesh import CardsMesh

SPRING = "spring-2016"
LASTS_MS = 3_600_000
SHARDS = 4
MULES_PER_SHARD = 6
HOME = shard_of_text(SPRING, SHARDS)
HUB_SHARD = (HOME + 1) % SHARDS
ARRIVES_WITHIN_S = 20


@pytest.fixture
async def mesh() -> AsyncIterator[CardsMesh]:
    with capture_logs():
        async with CardsMesh(SHARDS) as mesh:
            request = cards_pb2.CreateGameRequest(campaign_id=SPRING, sponsor_id=7, pool_fen=1_000)
            for card in range(1, 6):
                request.supply.card_limits.add(card=events_pb2.Card.ValueType(card), issue_limit=400)
            request.supply.source_quotas.add(source=events_pb2.CARD_SOURCE_TAP, card_quota=2_000)
            request.opens_at.FromMilliseconds(mesh.clock.now_ms())
            request.deadline.FromMilliseconds(mesh.clock.now_ms() + LASTS_MS)
            await mesh.driven(mesh.player(HOME).CreateGame(request))
            yield mesh


async def test_givers_of_all_shards_make_one_ring_also_for_the_next_owner(mesh: CardsMesh) -> None:
    hub = mesh.person(50, HUB_SHARD)
    mules = {
        shard: [mesh.person(number, shard) for number in range(MULES_PER_SHARD)] for shard in range(SHARDS)
    }
    for shard, people in mules.items():
        await give_all(mesh, shard, people, hub)
    await arrived(mesh, hub, SHARDS * MULES_PER_SHARD)

    report = await clusters(mesh)

    (ring,) = report.clusters
    assert (ring.is_ring, ring.score >= 60, list(ring.hub_person_ids)) == (True, True, [hub])
    assert ring.giver_count == ring.fresh_giver_count == sum(ring.given_cards) == SHARDS * MULES_PER_SHARD
    assert list(report.given_cards) == list(ring.given_cards)
    members = await within(flows_at_home(mesh).ListClusterMembers, members_of(report.report_id))
    assert {one.person_id for one in members.members if one.role == flows_pb2.MEMBER_ROLE_GIVER} == {
        person for people in mules.values() for person in people
    }

    # Nothing of a report is kept on disk: who owns the shards next makes the same of what happened.
    owner = mesh.map.owner(HOME)
    assert owner is not None
    (first,) = [process for process in mesh.processes if process.instance == owner.instance]
    (second,) = [process for process in mesh.processes if process is not first]
    await mesh.crash(first)
    await mesh.take_over(second)

    again = await clusters(mesh)
    assert list(again.clusters) == list(report.clusters)


async def give_all(mesh: CardsMesh, shard: int, people: list[int], hub: int) -> None:
    """Each is dealt a card, offers it, and it is accepted."""
    deal = cards_pb2.DealBatchRequest(
        campaign_id=SPRING,
        shard=shard,
        source=events_pb2.CARD_SOURCE_TAP,
        person_ids=people,
        source_keys=["round-1"],
    )
    cards: list[Any] = [0]
    while not all(cards):
        cards = list((await mesh.driven(mesh.player(shard).DealBatch(deal))).cards)
        await mesh.pass_time(0.25)
    mesh.social.pairs.extend((min(person, hub), max(person, hub)) for person in people)
    offers = exchanges_pb2.OfferBatchRequest(
        campaign_id=SPRING,
        shard=shard,
        from_person_ids=people,
        to_person_ids=[hub] * len(people),
        cards=cards,
        request_ids=b"".join(person.to_bytes(16, "big") for person in people),
    )
    offered = await mesh.driven(
        exchanges_pb2_grpc.ExchangeServiceStub(mesh.channel(shard)).OfferBatch(offers)
    )
    accepts = exchanges_pb2.AcceptBatchRequest(
        campaign_id=SPRING,
        shard=HUB_SHARD,
        person_ids=[hub] * len(people),
        exchange_ids=offered.exchange_ids,
    )
    accepted = await mesh.driven(
        exchanges_pb2_grpc.ExchangeServiceStub(mesh.channel(HUB_SHARD)).AcceptBatch(accepts)
    )
    assert set(accepted.outcomes) == {exchanges_pb2.EXCHANGE_OUTCOME_DONE}


async def arrived(mesh: CardsMesh, person: int, count: int) -> None:
    """Waits until a person holds so many cards."""
    for _ in range(4 * ARRIVES_WITHIN_S):
        request = cards_pb2.ListHandRequest(campaign_id=SPRING, person_id=person)
        hand = await mesh.driven(mesh.player(HUB_SHARD).ListHand(request))
        if sum(card.held_count for card in hand.cards) == count:
            return
        await mesh.pass_time(0.25)
    raise AssertionError("cards never arrived")


async def clusters(mesh: CardsMesh) -> flows_pb2.ListClustersResponse:
    request = flows_pb2.ListClustersRequest(campaign_id=SPRING)
    report: flows_pb2.ListClustersResponse = await within(flows_at_home(mesh).ListClusters, request)
    return report


def members_of(report_id: int) -> flows_pb2.ListClusterMembersRequest:
    return flows_pb2.ListClusterMembersRequest(campaign_id=SPRING, report_id=report_id, cluster_no=1)


def flows_at_home(mesh: CardsMesh) -> flows_pb2_grpc.FlowServiceAsyncStub:
    return flows_pb2_grpc.FlowServiceStub(mesh.channel(HOME))


async def within(call: Any, request: Any) -> Any:
    """Reports are made by threads, which no manual clock drives: time stands still meanwhile."""
    async with asyncio.timeout(60):
        return await call(request)

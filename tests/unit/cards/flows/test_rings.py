"""Rings that buy cards up are found among honest people; honest popularity is no ring."""

from __future__ import annotations

from functools import cache

import pytest

from services.cards.adapters.flow_board import FlowBoard
from services.cards.domain.flows.errors import FlowReportUnknown
from services.cards.domain.flows.report import Report, Role, Scored, member_count, members
from services.cards.domain.flows.scoring import POINTS_MAX, Reason
from services.cards.domain.vocabulary import CampaignId
from services.cards.settings import CardsSettings
from services.mesh.clock import ManualClock
from tests.unit.cards.flows_people import (
    BUYER,
    COLLECTORS,
    HONEST,
    LONELY_BUYER,
    LONELY_COLLECTORS,
    LONELY_MULES,
    MULES,
    STARS,
    an_evening,
)
from tests.unit.cards.flows_world import World
from tests.unit.cards.games import SPRING

GIVERS_MIN = 20


@cache
def an_evening_on(shard_count: int, *, with_rings: bool = True) -> World:
    """Not to be changed."""
    world = World(shard_count)
    an_evening(7, with_rings=with_rings).play(world)
    return world


def a_board(world: World, clock: ManualClock | None = None, **settings: int) -> FlowBoard:
    told = CardsSettings(cards_shards=world.shard_count, settlement_shards=1, **settings)  # type: ignore[arg-type]
    return FlowBoard(world, clock or ManualClock(), told)


async def a_report(world: World, **settings: int) -> Report:
    return await a_board(world, None, **settings).made(SPRING, GIVERS_MIN)


def rings_of(report: Report) -> dict[frozenset[int], Scored]:
    return {
        frozenset(hub.person_id for hub in one.cluster.hubs): one for one in report.clusters if one.is_ring
    }


@pytest.mark.parametrize("shard_count", [1, 4])
async def test_rings_of_fresh_accounts_are_found_and_nobody_else_is_called_one(shard_count: int) -> None:
    report = await a_report(an_evening_on(shard_count))

    assert rings_of(report).keys() == {frozenset(COLLECTORS), frozenset(LONELY_COLLECTORS)}
    hubs = {hub.person_id for one in report.clusters for hub in one.cluster.hubs}
    assert hubs >= set(STARS), "popular people are seen, and no more than that"
    assert not hubs & set(HONEST)


async def test_the_accounts_of_a_ring_and_who_is_behind_it_are_named() -> None:
    ring = rings_of(await a_report(an_evening_on(4)))[frozenset(COLLECTORS)].cluster

    everybody = members(ring, 0, 10_000)
    assert {one.person_id for one in everybody if one.role is Role.GIVER and one.is_fresh} == set(MULES)
    assert [one.person_id for one in everybody if one.role is Role.RECEIVER] == [BUYER]
    assert {(link.from_id, link.to_id) for link in ring.links(20)} == {
        (collector, BUYER) for collector in COLLECTORS
    }
    assert sum(ring.forwarded_cards) == ring.forwarded_cards[-1] > 0
    assert sum(ring.given_cards) > ring.given_cards[-1] > sum(ring.given_cards) / 2


async def test_collectors_without_a_giver_in_common_are_joined_by_who_is_behind_them() -> None:
    ring = rings_of(await a_report(an_evening_on(4)))[frozenset(LONELY_COLLECTORS)].cluster

    assert set(ring.givers.person_ids.tolist()) == set(LONELY_MULES)
    assert ring.receivers.person_ids.tolist() == [LONELY_BUYER]


async def test_a_ring_has_many_points_and_popular_people_have_few() -> None:
    report = await a_report(an_evening_on(4))

    for ring in rings_of(report).values():
        points = {one.reason: one.points for one in ring.points}
        assert points.keys() == set(Reason)
        assert points[Reason.FRESH_GIVERS] >= POINTS_MAX[Reason.FRESH_GIVERS] * 9 // 10
        assert 80 <= ring.score <= 100
    assert max(one.score for one in report.clusters if not one.is_ring) < 40
    scores = [one.score for one in report.clusters]
    assert scores == sorted(scores, reverse=True)


async def test_an_evening_without_rings_has_none() -> None:
    report = await a_report(an_evening_on(1, with_rings=False))

    assert rings_of(report) == {}
    assert {hub.person_id for hub in report.gathered.hubs} == set(STARS)


async def test_it_does_not_matter_how_people_are_spread_over_shards() -> None:
    one, four = await a_report(an_evening_on(1)), await a_report(an_evening_on(4))

    assert one.gathered.given_cards == four.gathered.given_cards
    assert sum(one.gathered.given_cards) > 1_000
    for here, there in zip(one.clusters, four.clusters, strict=True):
        assert here.points == there.points
        count = member_count(here.cluster)
        assert members(here.cluster, 0, count) == members(there.cluster, 0, count)


async def test_members_are_told_page_by_page() -> None:
    ring = (await a_report(an_evening_on(4))).clusters[0].cluster
    count = member_count(ring)

    pages = [members(ring, first, 70) for first in range(0, count, 70)]

    assert [len(page) for page in pages[:-1]] == [70] * (len(pages) - 1)
    assert [one.person_id for page in pages for one in page] == [
        one.person_id for one in members(ring, 0, count)
    ]
    assert members(ring, count, 70) == []


async def test_hubs_beyond_the_bound_are_left_out_and_counted() -> None:
    every = await a_report(an_evening_on(4))
    few = await a_report(an_evening_on(4), flow_hubs_max=2)

    assert len(few.gathered.hubs) == 2
    assert few.gathered.hubs_left_out == len(every.gathered.hubs) - 2
    counts = sorted((hub.giver_count for hub in every.gathered.hubs), reverse=True)
    assert sorted((hub.giver_count for hub in few.gathered.hubs), reverse=True) == counts[:2]


async def test_people_beyond_the_bound_are_left_out_with_their_hubs() -> None:
    report = await a_report(an_evening_on(4), flow_people_max=1_000, flow_hubs_max=100)

    assert sum(hub.width for hub in report.gathered.hubs) <= 1_000
    assert report.gathered.hubs


async def test_a_report_is_told_again_for_a_while_and_then_made_anew() -> None:
    clock = ManualClock()
    board = a_board(an_evening_on(4), clock, flow_report_max_age_ms=5_000)

    report = await board.made(SPRING, GIVERS_MIN)
    assert await board.made(SPRING, GIVERS_MIN) is report
    other = await board.made(SPRING, GIVERS_MIN + 1)
    assert other is not report
    await clock.advance(5)
    newer = await board.made(SPRING, GIVERS_MIN)

    assert len({report.report_id, other.report_id, newer.report_id}) == 3
    assert board.kept(SPRING, report.report_id) is report


async def test_of_many_reports_the_oldest_are_forgotten() -> None:
    board = a_board(an_evening_on(1), flow_reports_max=2)
    first, second, third = [await board.made(SPRING, GIVERS_MIN + more) for more in range(3)]

    assert board.kept(SPRING, second.report_id) is second
    assert board.kept(SPRING, third.report_id) is third
    with pytest.raises(FlowReportUnknown):
        board.kept(SPRING, first.report_id)
    with pytest.raises(FlowReportUnknown):
        board.kept(CampaignId("autumn-2016"), third.report_id)


async def test_without_gifts_there_is_nothing_to_report() -> None:
    report = await a_report(World(2))

    assert (list(report.clusters), report.gathered.hubs_left_out) == ([], 0)
    assert report.gathered.given_cards == (0, 0, 0, 0, 0)

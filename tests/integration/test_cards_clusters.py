"""`hongbao cards clusters`: what it asks, prints and writes."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hongbao.cards.v1 import flows_pb2 as pb
from hongbao.cards.v1 import flows_pb2_grpc as flows_grpc
from services.cli.commands.cards_clusters import _links_table, _table, list_clusters, write_members
from services.cli.console import CONSOLE
from services.cli.operator import Operator
from services.mesh.channel import ChannelFactory
from services.mesh.clock import ManualClock
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer, Service
from services.mesh.settings import MeshSettings
from services.mesh.shards.map import StaticShardMap
from services.mesh.telemetry import Telemetry

SPRING = "spring-2016"
REPORT = 77
SETTINGS = MeshSettings(instance="cards-0")


class Flows(flows_grpc.FlowServiceServicer):
    """A report of three clusters, two a page at most, with two members each, one a page."""

    async def ListClusters(  # noqa: N802 - gRPC names the methods
        self, request: pb.ListClustersRequest, _context: Any
    ) -> pb.ListClustersResponse:
        assert (request.givers_min, request.report_id) == (5, REPORT if request.page_token else 0)
        first = int(request.page_token or 1)
        size = min(2, request.page_size)
        last = min(first + size - 1, 3)
        return pb.ListClustersResponse(
            clusters=[_cluster(number) for number in range(first, last + 1)],
            next_page_token=str(last + 1) if last < 3 else "",
            report_id=REPORT,
            givers_min=5,
            hub_count=9,
        )

    async def ListClusterMembers(  # noqa: N802 - gRPC names the methods
        self, request: pb.ListClusterMembersRequest, _context: Any
    ) -> pb.ListClusterMembersResponse:
        assert request.report_id == REPORT
        if not request.page_token:
            hub = pb.ClusterMember(
                person_id=request.cluster_no, role=pb.MEMBER_ROLE_HUB, received_cards=[0, 0, 0, 0, 8]
            )
            hub.first_given_at.FromSeconds(1_454_846_400)
            hub.facts.dealt_count = 3
            return pb.ListClusterMembersResponse(members=[hub], next_page_token="giver")
        giver = pb.ClusterMember(
            person_id=request.cluster_no + 100, role=pb.MEMBER_ROLE_GIVER, is_fresh=True, given_cards=[1] * 5
        )
        return pb.ListClusterMembersResponse(members=[giver])


def _cluster(number: int) -> pb.Cluster:
    return pb.Cluster(
        cluster_no=number,
        is_ring=number == 1,
        score=90 - number,
        reasons=[pb.ClusterScore(reason=pb.CLUSTER_REASON_FRESH_GIVERS, points=40)],
        hub_count=1,
        giver_count=30,
        fresh_giver_count=28,
        given_cards=[1, 2, 3, 4, 50],
        deal_to_gift_minutes=-1,
        links=[pb.FlowLink(from_person_id=number, to_person_id=4_711, cards=[0, 0, 0, 2, 40])],
    )


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    clock = ManualClock()
    network = LocalNetwork(clock)
    flows_of_a_report = Flows()  # type: ignore[abstract]  # the rest is not called
    flows = Service(
        "hongbao.cards.v1.FlowService", flows_of_a_report, flows_grpc.add_FlowServiceServicer_to_server
    )
    telemetry = Telemetry(SETTINGS, "cards", ())
    server = MeshServer(SETTINGS, "cards", [flows], telemetry=telemetry, clock=clock, network=network)
    shards = StaticShardMap.with_one_owner("cards", SETTINGS.cards_shards, await server.start())
    channels = ChannelFactory(SETTINGS, "operator", network=network)
    yield Operator(SETTINGS, channels, {"cards": shards})  # type: ignore[dict-item]  # owners stay
    await channels.close()


async def test_clusters_are_listed_over_pages_of_one_report(
    operator: Operator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CONSOLE, "width", 200)
    asked = pb.ListClustersRequest(campaign_id=SPRING, givers_min=5)
    report, clusters = await list_clusters(operator, asked, 100)
    assert (report.hub_count, [cluster.cluster_no for cluster in clusters]) == (9, [1, 2, 3])
    assert [cluster.cluster_no for cluster in (await list_clusters(operator, asked, 1))[1]] == [1]
    CONSOLE.print(_table(SPRING, clusters))
    shown = capsys.readouterr().out
    assert "Clusters of spring-2016" in shown
    assert "fresh givers 40" in shown


def test_who_is_behind_rings_is_shown_and_nobody_elses_friends(capsys: pytest.CaptureFixture[str]) -> None:
    CONSOLE.print(_links_table([_cluster(1), _cluster(2)]))
    shown = capsys.readouterr().out
    assert [line.split("│")[1:6] for line in shown.splitlines() if "4711" in line] == [
        ["   1 ", "   1 ", " 4711 ", "    42 ", "   40 "]
    ]


async def test_everybody_of_the_clusters_is_written(operator: Operator, tmp_path: Path) -> None:
    out = tmp_path / "members.csv"
    clusters = [_cluster(1), _cluster(2)]
    assert await write_members(operator, SPRING, REPORT, clusters, out) == 4
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["cluster_no"], row["person_id"], row["role"]) for row in rows] == [
        ("1", "1", "hub"),
        ("1", "101", "giver"),
        ("2", "2", "hub"),
        ("2", "102", "giver"),
    ]
    hub, giver = rows[:2]
    assert (hub["received_dedication"], hub["first_given_at"]) == ("8", "2016-02-07T20:00:00+08:00")
    assert (hub["given_harmony"], hub["dealt_count"], giver["given_harmony"]) == ("0", "3", "1")
    assert (giver["is_fresh"], giver["first_given_at"], giver["deal_to_gift_minutes"]) == ("1", "", "")

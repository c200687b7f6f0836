"""`hongbao cards clusters`: who collects cards from many, and whether their givers were made for it."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table

from hongbao.cards.v1 import events_pb2 as events
from hongbao.cards.v1 import flows_pb2 as pb
from hongbao.cards.v1 import flows_pb2_grpc as flows_grpc
from services.cli.commands.statement import BEIJING, whole_file
from services.cli.console import CONSOLE
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import Operator, connected
from services.mesh.settings import MeshSettings

_PAGE_CLUSTERS = 100
_PAGE_MEMBERS = 1_000
_LINKS_SHOWN_MAX = 5
"""Of each ring; the file names everybody."""
_KINDS = tuple(name.removeprefix("CARD_").lower() for name in events.Card.keys()[1:])
CSV_COLUMNS = (
    *("cluster_no", "is_ring", "score", "person_id", "role", "is_fresh"),
    *(f"given_{kind}" for kind in _KINDS),
    *(f"received_{kind}" for kind in _KINDS),
    *("first_given_at", "last_given_at", "first_card_at", "dealt_count", "received_count", "given_count"),
    *("held_count", "has_completed", "deal_to_gift_minutes"),
)


async def show_clusters(
    mesh: MeshRecord,
    settings: MeshSettings,
    asked: pb.ListClustersRequest,
    most: int,
    out: Path | None,
) -> None:
    """Prints at most so many clusters of a report, rings first; writes their members if a file is wanted."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        report, clusters = await list_clusters(operator, asked, most)
        CONSOLE.print(_table(asked.campaign_id, clusters))
        if any(cluster.is_ring and cluster.links for cluster in clusters):
            CONSOLE.print(_links_table(clusters))
        if out is not None:
            count = await write_members(operator, asked.campaign_id, report.report_id, clusters, out)
            _line(f"{count:,} members in {out}")
    left_out = f", {report.hubs_left_out:,} with fewer givers left out" if report.hubs_left_out else ""
    _line(f"{report.hub_count:,} people received from {report.givers_min:,} others or more{left_out}")


async def list_clusters(
    operator: Operator, asked: pb.ListClustersRequest, most: int
) -> tuple[pb.ListClustersResponse, list[pb.Cluster]]:
    """The first page of a report, and its clusters, at most so many."""
    request = pb.ListClustersRequest()
    request.CopyFrom(asked)
    request.page_size = min(most, _PAGE_CLUSTERS)
    home, clusters = operator.cards_home(asked.campaign_id), list[pb.Cluster]()
    first: pb.ListClustersResponse | None = None
    while True:
        page = await operator.at_cards(
            home,
            lambda channel, timeout_s: flows_grpc.FlowServiceStub(channel).ListClusters(
                request, timeout=timeout_s
            ),
        )
        first = first or page
        clusters += page.clusters
        if not page.next_page_token or len(clusters) >= most:
            return first, clusters[:most]
        request.report_id, request.page_token = page.report_id, page.next_page_token


async def write_members(
    operator: Operator, campaign_id: str, report_id: int, clusters: list[pb.Cluster], out: Path
) -> int:
    """Writes everybody of these clusters, a row each; returns how many. The file is whole, or not there."""
    count = 0
    with whole_file(out) as file:
        table = csv.writer(file)
        table.writerow(CSV_COLUMNS)
        for cluster in clusters:
            async for member in _members(operator, campaign_id, report_id, cluster.cluster_no):
                table.writerow(_row(cluster, member))
                count += 1
    return count


async def _members(
    operator: Operator, campaign_id: str, report_id: int, cluster_no: int
) -> AsyncIterator[pb.ClusterMember]:
    request = pb.ListClusterMembersRequest(
        campaign_id=campaign_id, report_id=report_id, cluster_no=cluster_no, page_size=_PAGE_MEMBERS
    )
    while True:
        page = await operator.at_cards(
            operator.cards_home(campaign_id),
            lambda channel, timeout_s: flows_grpc.FlowServiceStub(channel).ListClusterMembers(
                request, timeout=timeout_s
            ),
        )
        for member in page.members:
            yield member
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _table(campaign_id: str, clusters: list[pb.Cluster]) -> Table:
    table = Table(title=f"Clusters of {campaign_id}", title_justify="left")
    for header in ("no.", "ring", "score"):
        table.add_column(header, justify="right")
    table.add_column("why", overflow="fold")
    for header in ("hubs", "givers", "fresh", "receivers", "cards", "rare", "kept (min)"):
        table.add_column(header, justify="right")
    for header in ("from", "to (Beijing)"):
        table.add_column(header, overflow="fold")
    for cluster in clusters:
        minutes = cluster.deal_to_gift_minutes
        table.add_row(
            *(str(cluster.cluster_no), "yes" if cluster.is_ring else "", str(cluster.score), _why(cluster)),
            *(f"{cluster.hub_count:,}", f"{cluster.giver_count:,}", f"{cluster.fresh_giver_count:,}"),
            *(f"{cluster.receiver_count:,}", f"{sum(cluster.given_cards):,}"),
            *(f"{_five(cluster.given_cards)[-1]:,}", f"{minutes:,}" if minutes >= 0 else ""),
            *(_when(cluster.first_given_at), _when(cluster.last_given_at)),
        )
    return table


def _links_table(clusters: list[pb.Cluster]) -> Table:
    """Who is behind rings: to whom their hubs gave on what they got."""
    table = Table(title="What rings gave on", title_justify="left")
    for header in ("no.", "hub", "to", "cards", "rare"):
        table.add_column(header, justify="right")
    for header in ("from", "to (Beijing)"):
        table.add_column(header, overflow="fold")
    for cluster in clusters:
        for link in cluster.links[:_LINKS_SHOWN_MAX] if cluster.is_ring else ():
            table.add_row(
                *(str(cluster.cluster_no), str(link.from_person_id), str(link.to_person_id)),
                *(f"{sum(link.cards):,}", f"{_five(link.cards)[-1]:,}"),
                *(_when(link.first_given_at), _when(link.last_given_at)),
            )
    return table


def _why(cluster: pb.Cluster) -> str:
    return ", ".join(
        f"{_words(pb.ClusterReason.Name(score.reason), 'CLUSTER_REASON_')} {score.points}"
        for score in cluster.reasons
    )


def _row(cluster: pb.Cluster, member: pb.ClusterMember) -> list[object]:
    facts = member.facts
    return [
        *(cluster.cluster_no, int(cluster.is_ring), cluster.score, member.person_id),
        *(_words(pb.MemberRole.Name(member.role), "MEMBER_ROLE_"), int(member.is_fresh)),
        *_five(member.given_cards),
        *_five(member.received_cards),
        *(_iso(member.first_given_at), _iso(member.last_given_at), _iso(facts.first_card_at)),
        *(facts.dealt_count, facts.received_count, facts.given_count, facts.held_count),
        *(int(facts.has_completed), facts.deal_to_gift_minutes if member.HasField("facts") else ""),
    ]


def _five(cards: Sequence[int]) -> list[int]:
    return [*cards, *[0] * len(_KINDS)][: len(_KINDS)]


def _words(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).replace("_", " ").lower()


def _when(moment: Timestamp) -> str:
    return f"{moment.ToDatetime(UTC).astimezone(BEIJING):%m-%d %H:%M}"


def _iso(moment: Timestamp) -> str:
    """A moment for a table; nothing for one that is not set."""
    if not moment.seconds:
        return ""
    return moment.ToDatetime(UTC).astimezone(BEIJING).isoformat(timespec="seconds")


def _line(text: str) -> None:
    CONSOLE.print(text, markup=False, highlight=False, soft_wrap=True)

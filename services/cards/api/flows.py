"""FlowService: who collects cards from many."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

import numpy as np

from hongbao.cards.v1 import flows_pb2, flows_pb2_grpc
from services.cards.api.numbered import numbered_shard
from services.cards.api.pages import page_position
from services.cards.domain.errors import GameUnknown
from services.cards.domain.flows.asking import FlowReading, FlowReports
from services.cards.domain.flows.errors import FlowReportUnknown
from services.cards.domain.flows.facts import trails_of
from services.cards.domain.flows.report import Report, member_count, members
from services.cards.domain.placement import home_of
from services.cards.domain.ports import OwnedShards
from services.cards.domain.vocabulary import CampaignId
from services.cards.flow_contract import (
    cluster_to_contract,
    facts_to_contract,
    hub_to_contract,
    member_to_contract,
)
from services.mesh.pages import Listing
from services.mesh.timestamps import timestamp

_CLUSTERS_PER_PAGE = 100
_MEMBERS_PER_PAGE = 1_000
_HUBS_PER_PAGE = 256
_PEOPLE_PER_PAGE = 16_384
"""Givers and receivers of the hubs on a page: about 30 bytes each."""


class FlowApi(flows_pb2_grpc.FlowServiceServicer):
    """Who collects cards from many. Read only."""

    def __init__(self, shards: OwnedShards, reading: FlowReading, reports: FlowReports) -> None:
        self._shards = shards
        self._reading = reading
        self._reports = reports

    async def ListClusters(
        self, request: flows_pb2.ListClustersRequest, _context: Any
    ) -> flows_pb2.ListClustersResponse:
        """See the contract. The page token is how many clusters are on the pages before."""
        self._check_home(CampaignId(request.campaign_id))
        of_list = Listing(f"clusters/{request.campaign_id}", request.report_id)
        first = page_position(of_list, request.page_token)
        report = await self._report(request)
        last = min(first + (request.page_size or _CLUSTERS_PER_PAGE), len(report.clusters))
        of_report = Listing(f"clusters/{request.campaign_id}", report.report_id)
        return flows_pb2.ListClustersResponse(
            clusters=[cluster_to_contract(report, number) for number in range(first + 1, last + 1)],
            next_page_token=of_report.token(last) if last < len(report.clusters) else "",
            report_id=report.report_id,
            made_at=timestamp(report.made_at_ms),
            givers_min=report.givers_min,
            hub_count=len(report.gathered.hubs),
            hubs_left_out=report.gathered.hubs_left_out,
            given_cards=report.gathered.given_cards,
        )

    async def ListClusterMembers(
        self, request: flows_pb2.ListClusterMembersRequest, _context: Any
    ) -> flows_pb2.ListClusterMembersResponse:
        """See the contract. The page token is how many members are on the pages before."""
        campaign_id = CampaignId(request.campaign_id)
        self._check_home(campaign_id)
        of_list = Listing(f"members/{campaign_id}/{request.report_id}", request.cluster_no)
        first = page_position(of_list, request.page_token)
        report = self._reports.kept(campaign_id, request.report_id)
        if request.cluster_no > len(report.clusters):
            raise FlowReportUnknown(campaign_id, request.report_id)
        cluster = report.clusters[request.cluster_no - 1].cluster
        page = members(cluster, first, request.page_size or _MEMBERS_PER_PAGE)
        last = first + len(page)
        return flows_pb2.ListClusterMembersResponse(
            members=map(member_to_contract, page),
            next_page_token=of_list.token(last) if last < member_count(cluster) else "",
        )

    async def ListHubs(self, request: flows_pb2.ListHubsRequest, _context: Any) -> flows_pb2.ListHubsResponse:
        """See the contract. The page token is the last person on the page before: people may become hubs."""
        shard = numbered_shard(self._shards, request.shard)
        campaign_id = CampaignId(request.campaign_id)
        of_list = Listing(f"hubs/{campaign_id}/{request.givers_min}", request.shard)
        after_person_id = page_position(of_list, request.page_token)
        found = await self._reading.hubs(shard, campaign_id, request.givers_min)
        page = found.page(after_person_id, request.page_size or _HUBS_PER_PAGE, _PEOPLE_PER_PAGE)
        await shard.settled()
        is_last = not page or page[-1] is found.hubs[-1]
        return flows_pb2.ListHubsResponse(
            hubs=map(hub_to_contract, page),
            next_page_token="" if is_last else of_list.token(page[-1].person_id),
            received_cards=found.received_cards,
            hubs_left_out=found.left_out,
        )

    async def DescribeGivers(
        self, request: flows_pb2.DescribeGiversRequest, _context: Any
    ) -> flows_pb2.DescribeGiversResponse:
        """See the contract."""
        shard = numbered_shard(self._shards, request.shard)
        game = shard.state.game(CampaignId(request.campaign_id))
        facts = await self._reading.facts(trails_of(game, np.array(request.person_ids, np.int64)))
        await shard.settled()
        return facts_to_contract(facts)

    def _check_home(self, campaign_id: CampaignId) -> None:
        home = self._shards.owned(home_of(campaign_id, self._shards.shard_count))
        if campaign_id not in home.state.created:
            raise GameUnknown(campaign_id)

    async def _report(self, request: flows_pb2.ListClustersRequest) -> Report:
        campaign_id = CampaignId(request.campaign_id)
        if request.report_id:
            return self._reports.kept(campaign_id, request.report_id)
        return await self._reports.made(campaign_id, request.givers_min)

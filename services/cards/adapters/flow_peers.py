"""The other shards, asked for what reports take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hongbao.cards.v1 import flows_pb2, flows_pb2_grpc
from services.cards.domain.flows.facts import PlayFacts
from services.cards.domain.flows.hubs import ShardHubs
from services.cards.domain.vocabulary import CampaignId
from services.cards.flow_contract import facts_from_contract, hub_from_contract
from services.mesh.channel import ChannelFactory
from services.mesh.shards.router import ShardRouter


@dataclass(frozen=True, slots=True)
class CardsFlowPeers:
    """All shards of the card game, as `FlowPeers`."""

    router: ShardRouter
    channels: ChannelFactory
    deadline_s: float

    async def hubs(self, campaign_id: CampaignId, shard: int, givers_min: int) -> AsyncIterator[ShardHubs]:
        """See `FlowPeers.hubs`."""
        request = flows_pb2.ListHubsRequest(campaign_id=campaign_id, shard=shard, givers_min=givers_min)

        async def attempt(address: str, timeout_s: float) -> flows_pb2.ListHubsResponse:
            return await self._stub(address).ListHubs(request, timeout=timeout_s)

        while True:
            page = await self.router.call(shard, attempt, self.deadline_s)
            hubs = [hub_from_contract(hub) for hub in page.hubs]
            yield ShardHubs(hubs, tuple(page.received_cards), page.hubs_left_out)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def facts(self, campaign_id: CampaignId, shard: int, person_ids: NDArray[np.int64]) -> PlayFacts:
        """See `FlowPeers.facts`."""
        request = flows_pb2.DescribeGiversRequest(
            campaign_id=campaign_id, shard=shard, person_ids=person_ids.tolist()
        )

        async def attempt(address: str, timeout_s: float) -> PlayFacts:
            return facts_from_contract(await self._stub(address).DescribeGivers(request, timeout=timeout_s))

        return await self.router.call(shard, attempt, self.deadline_s)

    def _stub(self, address: str) -> flows_pb2_grpc.FlowServiceAsyncStub:
        return flows_pb2_grpc.FlowServiceStub(self.channels.channel(address))

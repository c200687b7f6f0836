"""What a report needs of the world around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.flows.facts import PlayFacts, Trails
from services.cards.domain.flows.hubs import ShardHubs
from services.cards.domain.flows.report import Report
from services.cards.domain.ports import OwnedShard
from services.cards.domain.vocabulary import CampaignId

PEOPLE_PER_CALL_MAX = 4_096
"""People of whom a shard tells in one answer."""


class FlowPeers(Protocol):
    """All shards, wherever their owners are, asked for what a report takes. Every call may be repeated."""

    def hubs(self, campaign_id: CampaignId, shard: int, givers_min: int) -> AsyncIterator[ShardHubs]:
        """The hubs of a shard, page by page; the rest is on each of them."""
        ...

    async def facts(self, campaign_id: CampaignId, shard: int, person_ids: NDArray[np.int64]) -> PlayFacts:
        """How people of a shard have played; at most `PEOPLE_PER_CALL_MAX` of them."""
        ...


class FlowReading(Protocol):
    """What an owned shard knows, worked out beside the loop that others wait for."""

    async def hubs(self, shard: OwnedShard, campaign_id: CampaignId, givers_min: int) -> ShardHubs:
        """The hubs of the shard, as of a moment ago. Raises `GameUnknown`."""
        ...

    async def facts(self, trails: Trails) -> PlayFacts:
        """How people have played."""
        ...


class FlowReports(Protocol):
    """Reports that were made lately."""

    async def made(self, campaign_id: CampaignId, givers_min: int) -> Report:
        """A report, made now or a moment ago; 0 leaves the givers to the service. Raises `GameUnknown`."""
        ...

    def kept(self, campaign_id: CampaignId, report_id: int) -> Report:
        """One that was made before. Raises `FlowReportUnknown`."""
        ...

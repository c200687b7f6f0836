"""Reads from an owned shard what reports take, without holding it up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from services.cards.domain.flows.facts import PlayFacts, Trails, play_facts
from services.cards.domain.flows.given import ROWS_PER_COPY, Given, copy_given
from services.cards.domain.flows.hubs import HubBounds, ShardHubs, find_hubs
from services.cards.domain.ports import OwnedShard
from services.cards.domain.vocabulary import CampaignId
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock

_KEPT_MAX = 16
"""Answers that are kept for their next pages; the oldest goes first."""

_Key = tuple[CampaignId, int, int]
"""A game, a shard and from how many givers on somebody is a hub."""


@dataclass(frozen=True, slots=True)
class ShardFlowReading:
    """See `FlowReading`. One shard at a time is looked through, by a thread."""

    clock: Clock
    settings: CardsSettings
    _kept: OrderedDict[_Key, tuple[float, ShardHubs]] = field(default_factory=OrderedDict)
    """With the time, by the monotonic clock, at which looking began."""
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def hubs(self, shard: OwnedShard, campaign_id: CampaignId, givers_min: int) -> ShardHubs:
        """See `FlowReading.hubs`."""
        key = (campaign_id, shard.state.number, givers_min)
        async with self._looking:
            kept, now_s = self._kept.get(key), self.clock.monotonic_s()
            if kept is not None and now_s - kept[0] < self.settings.flow_report_max_age_ms / 1000:
                return kept[1]
            given = await _copied(shard, campaign_id)
            bounds = HubBounds(
                self.settings.flow_hubs_max,
                self.settings.flow_givers_per_hub_max,
                self.settings.flow_receivers_per_hub_max,
            )
            found = await asyncio.to_thread(find_hubs, given, givers_min, bounds)
            self._kept.pop(key, None)
            self._kept[key] = (now_s, found)
            if len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)
            return found

    async def facts(self, trails: Trails) -> PlayFacts:
        """See `FlowReading.facts`."""
        return await asyncio.to_thread(play_facts, trails, self.settings.flow_movements_max)


async def _copied(shard: OwnedShard, campaign_id: CampaignId) -> Given:
    """Everything that was given, copied a part at a time: others have their turn in between."""
    table = shard.state.game(campaign_id).exchanges.table
    parts = [copy_given(table, 0)]
    for first in range(ROWS_PER_COPY, len(table), ROWS_PER_COPY):
        await asyncio.sleep(0)
        parts.append(copy_given(table, first))
    return Given.together(parts)

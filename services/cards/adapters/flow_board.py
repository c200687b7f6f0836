"""Makes reports on clusters: asks all shards, and keeps what came of it for its later pages."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import numpy as np

from services.cards.domain.flows.asking import PEOPLE_PER_CALL_MAX, FlowPeers
from services.cards.domain.flows.clusters import KnownFacts
from services.cards.domain.flows.errors import FlowReportUnknown
from services.cards.domain.flows.facts import NOBODY, PlayFacts
from services.cards.domain.flows.joining import Gathered, HubGathering
from services.cards.domain.flows.report import Report, make_clusters, people_of
from services.cards.domain.vocabulary import CampaignId
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock
from services.mesh.shards.hashing import shards_of


class FlowBoard:
    """See `FlowReports`. One report is made at a time; who asks for the same meanwhile gets it, too."""

    def __init__(self, peers: FlowPeers, clock: Clock, settings: CardsSettings) -> None:
        self._peers = peers
        self._clock = clock
        self._settings = settings
        self._making = asyncio.Lock()
        self._kept: OrderedDict[int, tuple[float, Report]] = OrderedDict()
        """By id, with the time, by the monotonic clock, at which shards were asked."""

    async def made(self, campaign_id: CampaignId, givers_min: int) -> Report:
        """See `FlowReports.made`."""
        givers_min = max(givers_min or self._settings.flow_givers_min, 2)
        async with self._making:
            now_s = self._clock.monotonic_s()
            for asked_s, report in self._kept.values():
                is_same = (report.campaign_id, report.givers_min) == (campaign_id, givers_min)
                if is_same and now_s - asked_s < self._settings.flow_report_max_age_ms / 1000:
                    return report
            report = await self._make(campaign_id, givers_min)
            self._kept[report.report_id] = (now_s, report)
            if len(self._kept) > self._settings.flow_reports_max:
                self._kept.popitem(last=False)
            return report

    def kept(self, campaign_id: CampaignId, report_id: int) -> Report:
        """See `FlowReports.kept`."""
        _, report = self._kept.get(report_id, (0.0, None))
        if report is None or report.campaign_id != campaign_id:
            raise FlowReportUnknown(campaign_id, report_id)
        return report

    async def _make(self, campaign_id: CampaignId, givers_min: int) -> Report:
        made_at_ms = self._clock.now_ms()
        gathered = await self._gather(campaign_id, givers_min)
        known = await self._ask(campaign_id, gathered)
        clusters = await asyncio.to_thread(make_clusters, gathered, known, givers_min)
        # By time, so that another owner's reports have other ids.
        report_id = max(made_at_ms, max(self._kept, default=0) + 1)
        return Report(report_id, campaign_id, givers_min, made_at_ms, gathered, clusters)

    async def _gather(self, campaign_id: CampaignId, givers_min: int) -> Gathered:
        gathering = HubGathering(self._settings.flow_hubs_max, self._settings.flow_people_max)

        async def ask(shard: int) -> None:
            async for page in self._peers.hubs(campaign_id, shard, givers_min):
                gathering.add(page.hubs)
            # Of the last page: each tells all of it, and that is the newest.
            gathering.add_shard(page.received_cards, page.left_out)

        await asyncio.gather(*map(ask, range(self._settings.cards_shards)))
        return gathering.gathered()

    async def _ask(self, campaign_id: CampaignId, gathered: Gathered) -> KnownFacts:
        """How everybody has played who is a hub or gave to one."""
        people = people_of(gathered.hubs)
        shards = shards_of(people, self._settings.cards_shards)

        async def ask(shard: int) -> tuple[np.typing.NDArray[np.int64], list[PlayFacts]]:
            rows = np.flatnonzero(shards == np.uint64(shard))
            return rows, [
                await self._peers.facts(campaign_id, shard, people[rows[first : first + PEOPLE_PER_CALL_MAX]])
                for first in range(0, len(rows), PEOPLE_PER_CALL_MAX)
            ]

        answers = await asyncio.gather(*map(ask, range(self._settings.cards_shards)))
        order = np.argsort(np.concatenate([rows for rows, _ in answers]))
        facts = PlayFacts.together([NOBODY, *(part for _, parts in answers for part in parts)])
        return KnownFacts(people, facts.of(order))

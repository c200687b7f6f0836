"""`AllocationService`: campaigns and rounds, answered by the owner of the campaign's home shard."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc, events_pb2
from services.allocation.api.held import AllocationHost, AllocationShard, home_shard
from services.allocation.api.messages import campaign_message, round_message
from services.allocation.api.pages import page_position
from services.allocation.domain import records
from services.allocation.domain.errors import CampaignsTooMany, RoundPending, StocksTooMany
from services.allocation.domain.rounds import Campaign, Round, check_winnings_wait
from services.allocation.domain.values import (
    BeaconValue,
    CampaignId,
    CampaignTerms,
    Packets,
    ReleaseCurve,
    RoundId,
    RoundTerms,
    Seed,
    SponsorId,
    Window,
)
from services.allocation.settings import AllocationSettings
from services.allocation.tasks.round_keeper import RoundKeeper
from services.allocation.tasks.shard_tasks import ShardTasks
from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint
from services.mesh.pages import Listing
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import milliseconds

Context = Any  # grpc.aio.ServicerContext, which nothing here uses.


class CampaignServicer(allocation_pb2_grpc.AllocationServiceServicer):
    """Answers `AllocationService`."""

    def __init__(
        self,
        host: AllocationHost,
        tasks: ShardTasks,
        clock: Clock,
        settings: AllocationSettings,
        new_seed: Callable[[], bytes],
    ) -> None:
        """`new_seed` gives 32 secret bytes from a source that nobody can predict."""
        self._host = host
        self._tasks = tasks
        self._clock = clock
        self._settings = settings
        self._new_seed = new_seed

    async def CreateCampaign(
        self, request: allocation_pb2.CreateCampaignRequest, context: Context
    ) -> allocation_pb2.CreateCampaignResponse:
        """See the contract."""
        shard = home_shard(self._host, request.campaign_id)
        terms = CampaignTerms(
            campaign_id=CampaignId(request.campaign_id),
            sponsor_id=SponsorId(request.sponsor_id),
            display_name=request.display_name,
            budget_fen=request.budget_fen,
            shard_count=self._host.shard_count,
            winnings_wait_until_ms=milliseconds(request.winnings_wait_until_at),
        )
        rounds = shard.state.rounds
        if rounds.existing_campaign(terms) is None:
            check_winnings_wait(terms, self._clock.now_ms())
            if rounds.campaign_count >= self._settings.campaigns_per_shard_max:
                raise CampaignsTooMany(shard.number, self._settings.campaigns_per_shard_max)
            created = records.campaign_created(terms)
            await shard.commit(events_pb2.AllocationEvent(campaign_created=created), traceparent())
        await shard.settled()
        return allocation_pb2.CreateCampaignResponse(campaign=_shown(shard, terms.campaign_id))

    async def GetCampaign(
        self, request: allocation_pb2.GetCampaignRequest, context: Context
    ) -> allocation_pb2.GetCampaignResponse:
        """See the contract."""
        shard = home_shard(self._host, request.campaign_id)
        found = _shown(shard, CampaignId(request.campaign_id))
        await shard.settled()
        return allocation_pb2.GetCampaignResponse(campaign=found)

    async def CreateRound(
        self, request: allocation_pb2.CreateRoundRequest, context: Context
    ) -> allocation_pb2.CreateRoundResponse:
        """See the contract."""
        shard = home_shard(self._host, request.campaign_id)
        keeper = self._tasks.of(shard).keeper
        terms = self._terms(shard, request)
        if shard.state.rounds.existing_round(terms) is None:
            self._check_new_round(shard, terms)
            created = records.round_created(Round(terms, Seed(self._new_seed())))
            shard.commit(events_pb2.AllocationEvent(round_created=created), traceparent())
            keeper.begin(terms.stock_id)
        found = await keeper.prepared(terms.stock_id, self._settings.round_wait_ms / 1000)
        return allocation_pb2.CreateRoundResponse(round=round_message(found, self._clock.now_ms()))

    async def GetRound(
        self, request: allocation_pb2.GetRoundRequest, context: Context
    ) -> allocation_pb2.GetRoundResponse:
        """See the contract."""
        shard = home_shard(self._host, request.campaign_id)
        found = shard.state.rounds.round(CampaignId(request.campaign_id), RoundId(request.round_id))
        shown = round_message(found, self._clock.now_ms())
        await shard.settled()
        return allocation_pb2.GetRoundResponse(round=shown)

    async def ListRounds(
        self, request: allocation_pb2.ListRoundsRequest, context: Context
    ) -> allocation_pb2.ListRoundsResponse:
        """See the contract."""
        shard = home_shard(self._host, request.campaign_id)
        rounds = shard.state.rounds.rounds(CampaignId(request.campaign_id))
        of_list = Listing("rounds", request.campaign_id)
        start = page_position(of_list, request.page_token)
        stop = start + (request.page_size or self._settings.rounds_page_default)
        now_ms = self._clock.now_ms()
        page = allocation_pb2.ListRoundsResponse(
            rounds=[round_message(found, now_ms) for found in rounds[start:stop]],
            next_page_token=of_list.token(stop) if stop < len(rounds) else "",
        )
        await shard.settled()
        return page

    async def CloseRound(
        self, request: allocation_pb2.CloseRoundRequest, context: Context
    ) -> allocation_pb2.CloseRoundResponse:
        """See the contract."""
        shard = home_shard(self._host, request.campaign_id)
        keeper = self._tasks.of(shard).keeper
        found = shard.state.rounds.round(CampaignId(request.campaign_id), RoundId(request.round_id))
        if found.totals is None:
            await self._end(shard, found, keeper)
            found = await keeper.closed(found.terms.stock_id, self._settings.round_wait_ms / 1000)
        await shard.settled()
        return allocation_pb2.CloseRoundResponse(round=round_message(found, self._clock.now_ms()))

    async def PublishBeacon(
        self, request: allocation_pb2.PublishBeaconRequest, context: Context
    ) -> allocation_pb2.PublishBeaconResponse:
        """See the contract."""
        shard = home_shard(self._host, request.campaign_id)
        keeper = self._tasks.of(shard).keeper
        rounds, value = shard.state.rounds, BeaconValue(request.value)
        found = rounds.round(CampaignId(request.campaign_id), RoundId(request.round_id))
        if not rounds.existing_beacon(found, value):
            rounds.check_new_beacon(found, self._clock.now_ms(), self._settings.beacon_notice_ms)
            published = events_pb2.BeaconPublished(stock_id=found.terms.stock_id, value=value)
            shard.commit(events_pb2.AllocationEvent(beacon_published=published), traceparent())
            keeper.wake()
        found = await keeper.opened(found.terms.stock_id, self._settings.round_wait_ms / 1000)
        return allocation_pb2.PublishBeaconResponse(round=round_message(found, self._clock.now_ms()))

    async def _end(self, shard: AllocationShard, found: Round, keeper: RoundKeeper) -> None:
        if not found.prepared:
            raise RoundPending(found.terms, "PREPARE" if found.funded else "FUND")
        if not found.ended and self._clock.now_ms() < found.terms.window.closes_ms:
            ended = events_pb2.RoundEnded(stock_id=found.terms.stock_id)
            await shard.commit(events_pb2.AllocationEvent(round_ended=ended), traceparent())
            failpoint("round.ended")
        keeper.wake()

    def _check_new_round(self, shard: AllocationShard, terms: RoundTerms) -> None:
        shard.state.rounds.check_new_round(terms, self._clock.now_ms(), self._settings.round_limits)
        # Every round has a part here too, so this shard is as full as all others.
        if shard.state.stock_count >= self._settings.stocks_per_shard_max:
            raise StocksTooMany(shard.number, self._settings.stocks_per_shard_max)

    def _terms(self, shard: AllocationShard, request: allocation_pb2.CreateRoundRequest) -> RoundTerms:
        campaign: Campaign = shard.state.rounds.campaign(CampaignId(request.campaign_id))
        return RoundTerms(
            campaign_id=campaign.terms.campaign_id,
            round_id=RoundId(request.round_id),
            sponsor_id=campaign.terms.sponsor_id,
            window=Window(milliseconds(request.opens_at), milliseconds(request.closes_at)),
            packets=Packets(
                count=request.packet_count,
                budget_fen=request.budget_fen,
                min_fen=request.packet_min_fen,
                max_fen=request.packet_max_fen,
            ),
            release_curve=ReleaseCurve(request.release_curve),
            release_table_ppm=tuple(request.release_table_ppm),
            shard_count=campaign.terms.shard_count,
            beacon=request.beacon,
            winnings_wait_until_ms=campaign.terms.winnings_wait_until_ms,
        )


def _shown(shard: AllocationShard, campaign_id: CampaignId) -> allocation_pb2.Campaign:
    rounds = shard.state.rounds
    return campaign_message(rounds.campaign(campaign_id), rounds.committed_fen(campaign_id))

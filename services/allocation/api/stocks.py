"""`StockService`: parts of stocks, and the shards' feeds."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc, events_pb2
from services.allocation.api.held import AllocationHost, held_shard
from services.allocation.api.messages import ALONE, packets_page, stock_state
from services.allocation.api.pages import page_position
from services.allocation.domain.envelopes.records import conceal
from services.allocation.domain.errors import ShardUnknown
from services.allocation.domain.stock_errors import StockOpen
from services.allocation.domain.transfer_records import lot_messages, packets_sent
from services.allocation.domain.transfers import Answer
from services.allocation.domain.values import (
    BeaconValue,
    CampaignId,
    DrawRule,
    Packets,
    ReleaseCurve,
    RoundId,
    Seed,
    SponsorId,
    StockId,
    StockTerms,
    Window,
)
from services.allocation.settings import AllocationSettings
from services.allocation.tasks.shard_tasks import ShardTasks
from services.allocation.tasks.stock_opener import StockOpener
from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint
from services.mesh.feed.producer import stream_events
from services.mesh.pages import Listing
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import milliseconds

Context = Any  # grpc.aio.ServicerContext, which nothing here uses.


class StockServicer(allocation_pb2_grpc.StockServiceServicer):
    """Answers `StockService`."""

    def __init__(
        self,
        host: AllocationHost,
        tasks: ShardTasks,
        opener: StockOpener,
        clock: Clock,
        settings: AllocationSettings,
    ) -> None:
        self._host = host
        self._opener = opener
        self._tasks = tasks
        self._clock = clock
        self._settings = settings

    async def PrepareStock(
        self, request: allocation_pb2.PrepareStockRequest, context: Context
    ) -> allocation_pb2.PrepareStockResponse:
        """See the contract."""
        shard = held_shard(self._host, request.shard)
        await self._opener.prepare(shard, _terms(request))
        await shard.settled()
        failpoint("stock.prepared")
        return allocation_pb2.PrepareStockResponse()

    async def OpenStock(
        self, request: allocation_pb2.OpenStockRequest, context: Context
    ) -> allocation_pb2.OpenStockResponse:
        """See the contract."""
        shard = held_shard(self._host, request.shard)
        await self._opener.open(shard, request.stock_id, BeaconValue(request.beacon_value))
        await shard.settled()
        return allocation_pb2.OpenStockResponse()

    async def CloseStock(
        self, request: allocation_pb2.CloseStockRequest, context: Context
    ) -> allocation_pb2.CloseStockResponse:
        """See the contract."""
        shard = held_shard(self._host, request.shard)
        stock = shard.state.stock(request.stock_id)
        now_ms = self._clock.now_ms()
        if stock.closed is None and not request.early and now_ms < stock.terms.window.closes_ms:
            raise StockOpen(stock.terms, now_ms)
        totals = await self._tasks.of(shard).closer.close(stock)
        failpoint("stock.closed")
        return allocation_pb2.CloseStockResponse(
            packets_won=totals.packets_won, won_fen=totals.won_fen, returned_fen=totals.returned_fen
        )

    async def GetStock(
        self, request: allocation_pb2.GetStockRequest, context: Context
    ) -> allocation_pb2.GetStockResponse:
        """See the contract."""
        shard = held_shard(self._host, request.shard)
        stock = shard.state.stock(request.stock_id)
        shown = allocation_pb2.GetStockResponse(
            state=stock_state(stock, self._clock.now_ms(), ALONE),
            packet_count=stock.packet_count,
            budget_fen=stock.budget_fen,
            packets_won=stock.totals.packets_won,
            won_fen=stock.totals.won_fen,
            packets_spare=self._tasks.of(shard).mover.spare(stock),
            packets_received=stock.transfers.packets_received,
            packets_sent=stock.transfers.packets_sent,
        )
        await shard.settled()
        return shown

    async def ListPackets(
        self, request: allocation_pb2.ListPacketsRequest, context: Context
    ) -> allocation_pb2.ListPacketsResponse:
        """See the contract."""
        shard = held_shard(self._host, request.shard)
        stock = shard.state.stock(request.stock_id)
        of_list = Listing(f"packets/{request.shard}", request.stock_id)
        start = page_position(of_list, request.page_token)
        stop = start + (request.page_size or self._settings.packets_page_default)
        page = packets_page(stock, start, stop)
        if stop < stock.totals.packets_won:
            page.next_page_token = of_list.token(stop)
        await shard.settled()
        return page

    async def TransferPackets(
        self, request: allocation_pb2.TransferPacketsRequest, context: Context
    ) -> allocation_pb2.TransferPacketsResponse:
        """See the contract."""
        shard = held_shard(self._host, request.shard)
        to_shard = request.to_shard
        if to_shard >= self._host.shard_count or to_shard == request.shard:
            raise ShardUnknown(to_shard, self._host.shard_count)
        stock = shard.state.stock(request.stock_id)
        parcel = stock.answered(to_shard, request.no)
        if parcel is None:
            spare = 0 if request.final else self._tasks.of(shard).mover.spare(stock)
            parcel = stock.offer(min(request.wanted, spare, self._settings.leftover_packets_max))
            sent = packets_sent(stock.terms, Answer(to_shard, request.no, parcel))
            shard.commit(sent, traceparent())
            failpoint("leftover.parted")
        await shard.settled()
        failpoint("leftover.sent")
        return allocation_pb2.TransferPacketsResponse(
            lots=lot_messages(parcel.lots),
            amounts_fen=parcel.amounts_fen.tolist(),
            amount_fen=parcel.amount_fen,
        )

    async def ReadEvents(
        self, request: allocation_pb2.ReadEventsRequest, context: Context
    ) -> AsyncIterator[allocation_pb2.ReadEventsResponse]:
        """See the contract."""
        held_shard(self._host, request.shard)
        responses = stream_events(
            self._host, request, allocation_pb2.ReadEventsResponse, self._settings, conceal=_redact
        )
        async for response in responses:
            yield response


def _redact(event: events_pb2.AllocationEvent) -> None:
    """Takes out of records what nobody may know before the round is closed: seed, and amounts not yet won."""
    if event.HasField("round_created"):
        event.round_created.ClearField("seed")
    elif event.HasField("stock_prepared"):
        event.stock_prepared.ClearField("seed")
    elif event.HasField("envelope"):
        conceal(event.envelope)
    elif event.HasField("packets_sent"):
        event.packets_sent.ClearField("amounts_fen")
    elif event.HasField("packets_received"):
        event.packets_received.ClearField("amounts_fen")


def _terms(request: allocation_pb2.PrepareStockRequest) -> StockTerms:
    return StockTerms(
        stock_id=StockId(request.stock_id),
        campaign_id=CampaignId(request.campaign_id),
        round_id=RoundId(request.round_id),
        sponsor_id=SponsorId(request.sponsor_id),
        shard=request.shard,
        window=Window(milliseconds(request.opens_at), milliseconds(request.closes_at)),
        packets=Packets(
            count=request.packet_count,
            budget_fen=request.budget_fen,
            min_fen=request.packet_min_fen,
            max_fen=request.packet_max_fen,
        ),
        release_curve=ReleaseCurve(request.release_curve),
        release_table_ppm=tuple(request.release_table_ppm),
        seed=Seed(request.seed),
        draw_rule=DrawRule(request.draw_rule),
    )

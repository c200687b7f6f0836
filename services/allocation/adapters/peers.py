"""The other shards of this service, which may be held by any instance, this one included."""

from __future__ import annotations

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from services.allocation.domain import records
from services.allocation.domain.lots import Parcel
from services.allocation.domain.ports import PeerStock
from services.allocation.domain.transfer_records import parcel_of
from services.allocation.domain.transfers import Request
from services.allocation.domain.values import BeaconValue, StockId, StockTerms, Totals
from services.mesh.channel import ChannelFactory
from services.mesh.shards.router import ShardRouter


class ShardPeers:
    """Calls the owner of a shard, wherever it is."""

    def __init__(self, router: ShardRouter, channels: ChannelFactory, call_ms: int, look_ms: int) -> None:
        """Calls get `call_ms`, those about leftovers, of which none is urgent, `look_ms`, milliseconds."""
        self._router = router
        self._channels = channels
        self._call_s = call_ms / 1000
        self._look_s = look_ms / 1000

    async def prepare(self, terms: StockTerms) -> None:
        """See `Peers.prepare`."""
        request = _prepare_request(terms)

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.PrepareStockResponse:
            return await self._stub(address).PrepareStock(request, timeout=timeout_s)

        await self._router.call(terms.shard, attempt, self._call_s)

    async def open(self, stock_id: StockId, shard: int, beacon: BeaconValue) -> None:
        """See `Peers.open`."""
        request = allocation_pb2.OpenStockRequest(stock_id=stock_id, shard=shard, beacon_value=beacon)

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.OpenStockResponse:
            return await self._stub(address).OpenStock(request, timeout=timeout_s)

        await self._router.call(shard, attempt, self._call_s)

    async def close(self, stock_id: StockId, shard: int, *, early: bool) -> Totals:
        """See `Peers.close`."""
        request = allocation_pb2.CloseStockRequest(stock_id=stock_id, shard=shard, early=early)

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.CloseStockResponse:
            return await self._stub(address).CloseStock(request, timeout=timeout_s)

        closed = await self._router.call(shard, attempt, self._call_s)
        return Totals(closed.packets_won, closed.won_fen, closed.returned_fen)

    async def look(self, stock_id: StockId, shard: int) -> PeerStock:
        """See `Peers.look`."""
        request = allocation_pb2.GetStockRequest(stock_id=stock_id, shard=shard)

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.GetStockResponse:
            return await self._stub(address).GetStock(request, timeout=timeout_s)

        found = await self._router.call(shard, attempt, self._look_s)
        return PeerStock(found.state.packets_left, found.packets_spare)

    async def take(self, stock_id: StockId, request: Request, to_shard: int, *, final: bool) -> Parcel:
        """See `Peers.take`."""
        message = allocation_pb2.TransferPacketsRequest(
            stock_id=stock_id,
            shard=request.from_shard,
            to_shard=to_shard,
            no=request.no,
            wanted=request.wanted,
            final=final,
        )

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.TransferPacketsResponse:
            return await self._stub(address).TransferPackets(message, timeout=timeout_s)

        return parcel_of(await self._router.call(request.from_shard, attempt, self._look_s))

    def _stub(self, address: str) -> allocation_pb2_grpc.StockServiceAsyncStub:
        return allocation_pb2_grpc.StockServiceStub(self._channels.channel(address))


def _prepare_request(terms: StockTerms) -> allocation_pb2.PrepareStockRequest:
    # What a shard is asked to record is what it will record; only the messages differ.
    record = records.stock_prepared(terms)
    return allocation_pb2.PrepareStockRequest(
        stock_id=record.stock_id,
        campaign_id=record.campaign_id,
        round_id=record.round_id,
        sponsor_id=record.sponsor_id,
        shard=record.shard,
        opens_at=record.opens_at,
        closes_at=record.closes_at,
        budget_fen=record.budget_fen,
        packet_count=record.packet_count,
        packet_min_fen=record.packet_min_fen,
        packet_max_fen=record.packet_max_fen,
        release_curve=record.release_curve,
        release_table_ppm=record.release_table_ppm,
        seed=record.seed,
        draw_rule=record.draw_rule,
    )

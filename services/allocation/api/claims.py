"""`ClaimService`: claims in batches, the state of stocks, a person's packet."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from services.allocation.api.claim_stream import ClaimDesk, answers
from services.allocation.api.held import AllocationHost, shard_of_person
from services.allocation.api.messages import Watch, stock_state
from services.allocation.domain.errors import StreamsTooMany
from services.allocation.domain.fairness_errors import ProofPending
from services.allocation.domain.ports import ClosedRounds
from services.allocation.domain.proofs import Proof
from services.allocation.domain.proofs_contract import proof_message
from services.allocation.domain.stock import Stock
from services.allocation.domain.values import PersonId
from services.allocation.settings import AllocationSettings
from services.mesh.clock import Clock
from services.mesh.telemetry import Telemetry
from services.mesh.wakeup import Wakeup

Context = Any  # grpc.aio.ServicerContext, which nothing here uses.


class ClaimServicer(allocation_pb2_grpc.ClaimServiceServicer):
    """Answers `ClaimService`."""

    def __init__(
        self,
        host: AllocationHost,
        changed: Wakeup,
        rounds: ClosedRounds,
        telemetry: Telemetry,
        clock: Clock,
        settings: AllocationSettings,
    ) -> None:
        """`changed` is called whenever watchers should look again."""
        self._host = host
        self._rounds = rounds
        self._changed = changed
        self._clock = clock
        self._settings = settings
        self._desk = ClaimDesk(host, changed, telemetry, clock, settings)
        self.figures = self._desk.figures
        self._claim_streams = 0
        self._watchers: Counter[str] = Counter()

    async def ClaimBatch(
        self, request_iterator: AsyncIterator[allocation_pb2.ClaimBatchRequest], context: Context
    ) -> AsyncIterator[allocation_pb2.ClaimBatchResponse]:
        """See the contract."""
        if self._claim_streams >= self._settings.claim_streams_max:
            raise StreamsTooMany(self._settings.claim_streams_max)
        self._claim_streams += 1
        try:
            async for answer in answers(request_iterator, self._desk, self._settings.stream_batches_max):
                yield answer
        finally:
            self._claim_streams -= 1

    async def WatchStocks(
        self, request: allocation_pb2.WatchStocksRequest, context: Context
    ) -> AsyncIterator[allocation_pb2.WatchStocksResponse]:
        """See the contract."""
        with self._watching(request.instance):
            while True:
                yield self._picture(request.instance)
                await self._changed.wait(self._until_next_picture_s(), self._clock)

    async def GetPacket(
        self, request: allocation_pb2.GetPacketRequest, context: Context
    ) -> allocation_pb2.GetPacketResponse:
        """See the contract."""
        _, packet = await self._packet(request)
        return allocation_pb2.GetPacketResponse(packet=packet)

    async def GetProof(
        self, request: allocation_pb2.GetProofRequest, context: Context
    ) -> allocation_pb2.GetProofResponse:
        """See the contract."""
        stock, packet = await self._packet(request)
        stock_id, closes_ms = stock.terms.stock_id, stock.terms.window.closes_ms
        if stock.closed is None:
            left_ms = max(1, closes_ms - self._clock.now_ms())
            raise ProofPending(stock_id, closes_ms, left_ms)
        # This part is over, but others of the round may not be: only its home says when the seed is public.
        statement = await self._rounds.closed(stock_id)
        if statement is None:
            raise ProofPending(stock_id, closes_ms, self._settings.closing_poll_ms)
        proof = Proof(
            statement,
            packet.shard,
            packet.packet_index,
            packet.drawn_shard,
            packet.drawn_index,
            packet.amount_fen,
        )
        return allocation_pb2.GetProofResponse(proof=proof_message(proof))

    async def _packet(
        self, request: allocation_pb2.GetPacketRequest | allocation_pb2.GetProofRequest
    ) -> tuple[Stock, allocation_pb2.Packet]:
        """The person's packet, once it is durable, and the part it was won from. Raises `PacketUnknown`."""
        shard = shard_of_person(self._host, request.person_id)
        stock = shard.state.stock(request.stock_id)
        index, amount_fen = stock.packet_of(PersonId(request.person_id))
        drawn_shard, drawn_index = stock.holding.identity(index)
        await shard.settled()
        return stock, allocation_pb2.Packet(
            stock_id=request.stock_id,
            shard=shard.number,
            packet_index=index,
            person_id=request.person_id,
            amount_fen=amount_fen,
            drawn_shard=drawn_shard,
            drawn_index=drawn_index,
        )

    @contextmanager
    def _watching(self, instance: str) -> Iterator[None]:
        if self._watchers.total() >= self._settings.watch_streams_max:
            raise StreamsTooMany(self._settings.watch_streams_max)
        self._watchers[instance] += 1
        try:
            yield
        finally:
            self._watchers[instance] -= 1
            self._watchers += Counter()  # drops names without a stream

    def _picture(self, instance: str) -> allocation_pb2.WatchStocksResponse:
        now_ms = self._clock.now_ms()
        watch = Watch(len(self._watchers), may_ask=self._may_ask(instance, now_ms))
        shards = list(self._host.shards())
        return allocation_pb2.WatchStocksResponse(
            shards=[shard.number for shard in shards],
            stocks=[stock_state(stock, now_ms, watch) for shard in shards for stock in shard.state.stocks()],
        )

    def _may_ask(self, instance: str, now_ms: int) -> bool:
        """Watchers take turns: a part without packets hears from about one in an interval, not from all."""
        turn = now_ms // self._settings.watch_interval_ms
        return (turn + crc32(instance.encode())) % len(self._watchers) == 0

    def _until_next_picture_s(self) -> float:
        """Seconds to the next interval, or to the next opening or closing before it."""
        now_ms = self._clock.now_ms()
        boundaries = (
            time_ms
            for shard in self._host.shards()
            for stock in shard.state.stocks()
            if stock.closed is None
            for time_ms in (stock.terms.window.opens_ms, stock.terms.window.closes_ms)
            if time_ms > now_ms
        )
        interval_ms = self._settings.watch_interval_ms
        return (min(interval_ms, min(boundaries, default=now_ms + interval_ms) - now_ms)) / 1000

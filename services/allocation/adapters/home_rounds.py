"""Closed rounds, read from their home shard, wherever that is."""

from __future__ import annotations

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from services.allocation.domain.proofs import Statement
from services.allocation.domain.proofs_contract import statement_of
from services.allocation.domain.values import StockId
from services.allocation.settings import AllocationSettings
from services.mesh.channel import ChannelFactory
from services.mesh.shards.hashing import shard_of_text
from services.mesh.shards.router import ShardRouter


class HomeRounds:
    """What is public of rounds that are over. It never changes, so the latest ones are kept."""

    def __init__(self, router: ShardRouter, channels: ChannelFactory, settings: AllocationSettings) -> None:
        self._router = router
        self._channels = channels
        self._shard_count = settings.allocation_shards
        self._call_s = settings.peer_call_ms / 1000
        self._kept_max = settings.proof_rounds_max
        self._kept: dict[StockId, Statement] = {}

    async def closed(self, stock_id: StockId) -> Statement | None:
        """See `ClosedRounds.closed`."""
        kept = self._kept.get(stock_id)
        if kept is not None:
            return kept
        campaign_id, _, round_id = stock_id.partition(".")
        request = allocation_pb2.GetRoundRequest(campaign_id=campaign_id, round_id=round_id)

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.GetRoundResponse:
            stub: allocation_pb2_grpc.AllocationServiceAsyncStub = allocation_pb2_grpc.AllocationServiceStub(
                self._channels.channel(address)
            )
            return await stub.GetRound(request, timeout=timeout_s)

        home = shard_of_text(campaign_id, self._shard_count)
        found = (await self._router.call(home, attempt, self._call_s)).round
        if found.phase != allocation_pb2.ROUND_PHASE_CLOSED:
            return None
        statement = statement_of(found)
        self._kept[stock_id] = statement
        if len(self._kept) > self._kept_max:
            del self._kept[next(iter(self._kept))]
        return statement

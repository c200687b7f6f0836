"""Allocation, as far as winnings of two who are one person need it: what else the person has won."""

from __future__ import annotations

from dataclasses import dataclass

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.router import ShardRouter

_ALLOCATION = "hongbao.allocation"


@dataclass(frozen=True, slots=True)
class PacketsAtAllocation:
    """Asks the owner of a person's allocation shard; `PacketsWon`."""

    router: ShardRouter
    channels: ChannelFactory
    call_s: float
    """Longest wait for an answer, seconds."""

    async def is_closed(self, stock_id: str, person_id: int) -> bool:
        """See `PacketsWon.is_closed`."""
        shard = self._shard(person_id)
        request = allocation_pb2.GetStockRequest(stock_id=stock_id, shard=shard)

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.GetStockResponse:
            stub = allocation_pb2_grpc.StockServiceStub(self.channels.channel(address))
            return await stub.GetStock(request, timeout=timeout_s)

        try:
            answer = await self.router.call(shard, attempt, self.call_s)
        except ServiceError as error:
            if (error.domain, error.reason) == (_ALLOCATION, "STOCK_UNKNOWN"):
                return False
            raise
        return answer.state.phase == allocation_pb2.STOCK_PHASE_CLOSED

    async def has_won(self, stock_id: str, person_id: int) -> bool:
        """See `PacketsWon.has_won`."""
        request = allocation_pb2.GetPacketRequest(stock_id=stock_id, person_id=person_id)

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.GetPacketResponse:
            stub = allocation_pb2_grpc.ClaimServiceStub(self.channels.channel(address))
            return await stub.GetPacket(request, timeout=timeout_s)

        try:
            await self.router.call(self._shard(person_id), attempt, self.call_s)
        except ServiceError as error:
            if (error.domain, error.reason) == (_ALLOCATION, "PACKET_UNKNOWN"):
                return False
            raise
        return True

    def _shard(self, person_id: int) -> int:
        return shard_of(person_id, self.router.map.shard_count)

"""The envelopes of all shards of this service, which may be held by any instance, this one included."""

from __future__ import annotations

from hongbao.allocation.v1 import envelope_pb2, envelope_pb2_grpc
from services.allocation.domain.envelopes.records import lineage_of_messages
from services.allocation.domain.envelopes.values import EnvelopeId, ParentPacket
from services.allocation.domain.values import PersonId
from services.mesh.channel import ChannelFactory
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.router import ShardRouter
from services.mesh.timestamps import milliseconds


class EnvelopeShares:
    """Asks the owner of an envelope's shard; `Shares`."""

    def __init__(self, router: ShardRouter, channels: ChannelFactory, call_ms: int) -> None:
        self._router = router
        self._channels = channels
        self._call_s = call_ms / 1000

    async def share(self, envelope_id: EnvelopeId, person_id: PersonId) -> ParentPacket:
        """See `Shares.share`."""
        request = envelope_pb2.GetShareRequest(envelope_id=envelope_id, person_id=person_id)

        async def attempt(address: str, timeout_s: float) -> envelope_pb2.GetShareResponse:
            stub = envelope_pb2_grpc.EnvelopeServiceStub(self._channels.channel(address))
            return await stub.GetShare(request, timeout=timeout_s)

        shard = shard_of(envelope_id, self._router.map.shard_count)
        found = await self._router.call(shard, attempt, self._call_s)
        return ParentPacket(
            amount_fen=found.share.amount_fen,
            got_ms=milliseconds(found.share.claimed_at),
            lineage=lineage_of_messages(found.lineage),
        )

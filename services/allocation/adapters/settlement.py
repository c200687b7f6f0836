"""Settlement, as far as allocation needs it: holds for rounds."""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2, settlement_pb2, settlement_pb2_grpc
from services.allocation.domain.errors import FundsInsufficient
from services.allocation.domain.rounds import Round
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.router import ShardRouter
from services.mesh.timestamps import timestamp, timestamp_or_none

_HOLD_MS = 60_000
"""How long a request may take money, milliseconds: longer than any attempt is under way."""
_FUNDS_INSUFFICIENT = ("hongbao.settlement", "FUNDS_INSUFFICIENT")


class SettlementHolds:
    """Takes holds from the owner of the sponsor's settlement shard."""

    def __init__(self, router: ShardRouter, channels: ChannelFactory, call_ms: int, clock: Clock) -> None:
        self._router = router
        self._channels = channels
        self._call_s = call_ms / 1000
        self._clock = clock

    async def hold(self, found: Round) -> None:
        """See `Holds.hold`."""
        terms = found.terms
        request = settlement_pb2.CreateHoldRequest(
            hold_id=terms.stock_id,
            campaign_id=terms.campaign_id,
            sponsor_id=terms.sponsor_id,
            purpose=events_pb2.HOLD_PURPOSE_ROUND,
            parts=[
                events_pb2.HoldPart(part=shard, amount_fen=part.budget_fen)
                for shard, part in enumerate(found.parts())
            ],
            # One moment for all attempts: when one of them is refused, none that is under way succeeds later.
            hold_ends_at=timestamp(self._clock.now_ms() + _HOLD_MS),
            winnings_wait_until_at=timestamp_or_none(terms.winnings_wait_until_ms),
        )

        async def attempt(address: str, timeout_s: float) -> settlement_pb2.CreateHoldResponse:
            stub = settlement_pb2_grpc.SettlementServiceStub(self._channels.channel(address))
            return await stub.CreateHold(request, timeout=timeout_s)

        try:
            await self._router.call(
                shard_of(terms.sponsor_id, self._router.map.shard_count), attempt, self._call_s
            )
        except ServiceError as error:
            if (error.domain, error.reason) == _FUNDS_INSUFFICIENT:
                raise FundsInsufficient(
                    terms.sponsor_id,
                    int(error.metadata["needed_fen"]),
                    int(error.metadata["available_fen"]),
                ) from error
            raise

"""Settlement, as far as envelopes need it: their money."""

from __future__ import annotations

from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from services.allocation.domain.envelopes.errors import (
    BalanceInsufficient,
    SenderLimitReached,
    SenderUnverified,
)
from services.allocation.domain.envelopes.values import EnvelopeTerms
from services.allocation.domain.errors import AllocationError
from services.allocation.domain.values import PersonId
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.router import ShardRouter
from services.mesh.timestamps import timestamp


class SettlementWallets:
    """Takes envelopes' money at the owner of the sender's settlement shard; `EnvelopeFunds`."""

    def __init__(self, router: ShardRouter, channels: ChannelFactory, call_ms: int) -> None:
        self._router = router
        self._channels = channels
        self._call_s = call_ms / 1000

    async def hold(self, terms: EnvelopeTerms) -> None:
        """See `EnvelopeFunds.hold`."""
        sender_id = terms.order.sender_id
        request = settlement_pb2.CreateWalletHoldRequest(
            envelope_id=terms.envelope_id,
            person_id=sender_id,
            amount_fen=terms.order.amount_fen,
            hold_ends_at=timestamp(terms.fund_ends_ms),
        )

        async def attempt(address: str, timeout_s: float) -> settlement_pb2.CreateWalletHoldResponse:
            stub = settlement_pb2_grpc.SettlementServiceStub(self._channels.channel(address))
            return await stub.CreateWalletHold(request, timeout=timeout_s)

        try:
            await self._router.call(shard_of(sender_id, self._router.map.shard_count), attempt, self._call_s)
        except ServiceError as error:
            refused = _refusal(error, sender_id)
            if refused is None:
                raise
            raise refused from error


def _refusal(error: ServiceError, sender_id: PersonId) -> AllocationError | None:
    """What settlement's refusal is called here; None for one that people need not tell from others."""
    told = error.metadata
    match (error.domain, error.reason):
        case ("hongbao.settlement", "WALLET_INSUFFICIENT"):
            return BalanceInsufficient(sender_id, int(told["needed_fen"]), int(told["available_fen"]))
        case ("hongbao.settlement", "PERSON_UNVERIFIED"):
            return SenderUnverified(sender_id)
        case ("hongbao.settlement", "TIER_LIMIT_EXCEEDED"):
            left_fen = max(0, int(told["limit_fen"]) - int(told["used_fen"]))
            return SenderLimitReached(sender_id, int(told["needed_fen"]), left_fen)
        case _:
            return None

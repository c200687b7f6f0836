"""Proofs of packets and cards, read from allocation and from cards."""

from __future__ import annotations

from typing import Any

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from hongbao.cards.v1 import events_pb2, proof_pb2_grpc
from hongbao.cards.v1 import proof_pb2 as card_proof_pb2
from hongbao.gateway.v1 import proof_pb2
from services.gateway.adapters.forwarding import Forwarding


class ProofClient:
    """What proves a packet or a card. Raises the errors of the service behind as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def get_proof(self, person_id: int, request: Any) -> Any:
        """See `ProofService.GetProof`."""
        stock_id = f"{request.campaign_id}.{request.round_id}"
        asked = allocation_pb2.GetProofRequest(stock_id=stock_id, person_id=person_id)
        answer = await self._forwarding.to_owner_of(
            "allocation",
            person_id,
            lambda channel, timeout_s: allocation_pb2_grpc.ClaimServiceStub(channel).GetProof(
                asked, timeout=timeout_s
            ),
        )
        # Both contracts number these fields alike, so that nothing of a proof can get lost on its way.
        return proof_pb2.GetProofResponse.FromString(answer.SerializeToString())

    async def get_card_proof(self, person_id: int, request: Any) -> Any:
        """See `ProofService.GetCardProof`."""
        asked = card_proof_pb2.ProveCardRequest(
            campaign_id=request.campaign_id,
            person_id=person_id,
            source=events_pb2.CardSource.ValueType(request.source),
            source_key=request.source_key,
        )
        answer = await self._forwarding.to_owner_of(
            "cards",
            person_id,
            lambda channel, timeout_s: proof_pb2_grpc.CardProofServiceStub(channel).ProveCard(
                asked, timeout=timeout_s
            ),
        )
        # Likewise.
        return proof_pb2.GetCardProofResponse.FromString(answer.SerializeToString())

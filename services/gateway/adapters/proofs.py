"""Proofs of packets, read from allocation."""

from __future__ import annotations

from typing import Any

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from hongbao.gateway.v1 import proof_pb2
from services.gateway.adapters.forwarding import Forwarding


class ProofClient:
    """What proves a packet. Raises allocation's errors as they are."""

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

"""Proofs of what the caller won and was dealt."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import proof_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.ports import Proofs, Tokens


class ProofServicer(proof_pb2_grpc.ProofServiceServicer):
    """What proves the caller's packets and cards."""

    def __init__(self, tokens: Tokens, proofs: Proofs, others: Bulkhead) -> None:
        self._tokens = tokens
        self._proofs = proofs
        self._others = others

    async def GetProof(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._proofs.get_proof(caller.person_id, request)

    async def GetCardProof(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._proofs.get_card_proof(caller.person_id, request)

"""Taps: the hot path, and the rounds they are for."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from services.gateway.api.callers import AUTHORIZATION_KEY, caller_of, header_of
from services.gateway.api.outcomes import OUTCOMES
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.desk import Answer, TapDesk
from services.gateway.domain.figures import Outcome
from services.gateway.domain.ports import Rounds, Tokens
from services.mesh.interceptors.repeats import often_the_same


class TapServicer(gateway_pb2_grpc.TapServiceServicer):
    """Takes taps: the hot path. What is answered here awaits nothing."""

    def __init__(
        self, tokens: Tokens, desk: TapDesk, rounds: Rounds, others: Bulkhead, shard_count: int
    ) -> None:
        self._tokens = tokens
        self._desk = desk
        self._rounds = rounds
        self._others = others
        # Answers without a packet are few and the same for everybody: made once.
        self._ready_made = {
            (outcome, shard): gateway_pb2.TapResponse(
                outcome=OUTCOMES[outcome], answered_at_gateway=True, shard=shard
            )
            for outcome in Outcome
            for shard in range(shard_count)
        }

    @often_the_same
    async def Tap(self, request: Any, context: Any) -> Any:
        """See the contract."""
        header = header_of(context, AUTHORIZATION_KEY)
        caller = self._tokens.known(header) or await self._tokens.verify(header)
        stock_id = f"{request.campaign_id}.{request.round_id}"
        shard, person_id, taps = caller.shard, caller.person_id, request.taps
        answer = self._desk.answer_here(stock_id, shard, person_id, taps, is_retry=request.retry)
        if answer is None:
            answer = await self._desk.ask_owner(stock_id, shard, person_id, taps)
            return _tap_response(answer, shard, answered_here=False)
        if answer.packet is None:
            return self._ready_made[answer.outcome, shard]
        return _tap_response(answer, shard, answered_here=True)

    async def ListRounds(self, request: Any, context: Any) -> Any:
        """See the contract."""
        await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._rounds.list_rounds(request)


def _tap_response(answer: Answer, shard: int, *, answered_here: bool) -> Any:
    packet = answer.packet
    return gateway_pb2.TapResponse(
        outcome=OUTCOMES[answer.outcome],
        amount_fen=packet.amount_fen if packet is not None else 0,
        packet_index=packet.packet_index if packet is not None else None,
        answered_at_gateway=answered_here,
        shard=shard,
    )

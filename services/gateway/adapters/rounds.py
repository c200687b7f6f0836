"""Rounds as players see them, read from allocation."""

from __future__ import annotations

from typing import Any

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from hongbao.gateway.v1 import gateway_pb2
from services.gateway.adapters.forwarding import Forwarding


class RoundClient:
    """Rounds. Raises allocation's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def list_rounds(self, request: Any) -> Any:
        """See `TapService.ListRounds`."""
        asked = allocation_pb2.ListRoundsRequest(
            campaign_id=request.campaign_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._forwarding.to_home_of(
            "allocation",
            request.campaign_id,
            lambda channel, timeout_s: allocation_pb2_grpc.AllocationServiceStub(channel).ListRounds(
                asked, timeout=timeout_s
            ),
        )
        rounds = [_round(found) for found in answer.rounds]
        return gateway_pb2.ListRoundsResponse(rounds=rounds, next_page_token=answer.next_page_token)


def _round(found: Any) -> Any:
    return gateway_pb2.Round(
        campaign_id=found.campaign_id,
        round_id=found.round_id,
        opens_at=found.opens_at,
        closes_at=found.closes_at,
        phase=gateway_pb2.RoundPhase.Value(allocation_pb2.RoundPhase.Name(found.phase)),
        budget_fen=found.budget_fen,
        packet_count=found.packet_count,
        seed_commitment=found.seed_commitment,
        seed=found.seed,
        beacon=found.beacon,
        beacon_value=found.beacon_value,
        draw_rule=found.draw_rule,
        announced_at=found.announced_at,
    )

"""What the operator reads."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from services.gateway.api.outcomes import OUTCOMES
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.figures import Figures
from services.gateway.domain.person_limits import PersonLimits
from services.mesh.clock import Clock


class OperatorServicer(gateway_pb2_grpc.OperatorServiceServicer):
    """What the operator reads."""

    def __init__(
        self, instance: str, figures: Figures, taps: Bulkhead, limits: PersonLimits, clock: Clock
    ) -> None:
        self._instance = instance
        self._figures = figures
        self._taps = taps
        self._limits = limits
        self._started_at_ms = clock.now_ms()

    async def GetGatewayFigures(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - nothing is asked
        """See the contract."""
        figures = self._figures
        rows = list(figures.by_outcome())
        here = [count for _, is_here, count in rows if is_here]
        response = gateway_pb2.GetGatewayFiguresResponse(
            instance=self._instance,
            taps=sum(count.taps for _, _, count in rows),
            taps_answered_at_gateway=sum(count.taps for count in here),
            reports=sum(count.reports for _, _, count in rows),
            reports_answered_at_gateway=sum(count.reports for count in here),
            batches=figures.batches,
            batch_claims=figures.batch_claims,
            batch_claims_max=figures.batch_claims_max,
            batches_repeated=figures.batches_repeated,
            taps_over_rate=figures.taps_over_rate,
            chat_calls_over_rate=self._limits.chat.refused,
            sharing_calls_over_rate=self._limits.sharing.refused,
            inboxes_over_limit=self._limits.inboxes.refused,
            taps_overloaded=figures.taps_overloaded,
            taps_unanswered=figures.taps_unanswered,
            claims_waiting=self._taps.occupied,
            tokens_verified=figures.tokens_verified,
        )
        response.started_at.FromMilliseconds(self._started_at_ms)
        for outcome, is_here, count in rows:
            response.by_outcome.add(
                outcome=OUTCOMES[outcome],
                answered_at_gateway=is_here,
                taps=count.taps,
                reports=count.reports,
            )
        return response

"""Pays what is approved and had to wait for the fund, for every shard that is owned here."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Gauge

from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint
from services.mesh.logs import get_logger
from services.mesh.metrics import REGISTRY
from services.mesh.shards.errors import ShardOverloaded
from services.mesh.shards.host import Shard
from services.settlement.domain.disputes.limits import DisputeLimits
from services.settlement.domain.disputes.payments import pay_unpaid
from services.settlement.domain.state import SettlementState
from services.settlement.settings import SettlementSettings

_log = get_logger("settlement.disputes")

UNPAID = Gauge(
    "hongbao_settlement_disputes_unpaid",
    "Disputes that are approved and wait for the compensation fund.",
    ["shard"],
    registry=REGISTRY,
)
WAITING_SECONDS = Gauge(
    "hongbao_settlement_disputes_waiting_seconds",
    "Age of the oldest dispute that waits for an operator; 0 when none does.",
    ["shard"],
    registry=REGISTRY,
)


@dataclass(frozen=True, slots=True)
class DisputePayer:
    """A companion of every shard: see `ShardCompanion`."""

    limits: DisputeLimits
    clock: Clock
    settings: SettlementSettings

    async def begin(self, shard: Shard[SettlementState]) -> None:
        """Starts to pay; the shard ends it when it is given or lost."""
        shard.spawn(self._pay_forever(shard), "disputes")

    async def end(self, shard: Shard[SettlementState]) -> None:
        """Forgets a shard that is not owned here any more."""
        UNPAID.labels(shard.number).set(0)
        WAITING_SECONDS.labels(shard.number).set(0)

    async def _pay_forever(self, shard: Shard[SettlementState]) -> None:
        while True:
            self._show(shard)
            try:
                await self._pay(shard)
            except ShardOverloaded as error:
                # The disk is behind. What is owed is on record, and the next look is soon enough.
                _log.warning("dispute_payment_put_off", shard=shard.number, error=str(error))
            await self.clock.sleep(self.settings.dispute_pay_ms / 1000)

    async def _pay(self, shard: Shard[SettlementState]) -> None:
        for _ in range(self.settings.dispute_pay_batch):
            event = pay_unpaid(shard.state, self.clock.now_ms(), self.limits)
            if event is None:
                return
            shard.commit(event)
            failpoint("dispute.paid")
            await shard.settled()

    def _show(self, shard: Shard[SettlementState]) -> None:
        disputes = shard.state.disputes
        oldest = disputes.oldest_undecided()
        waiting_ms = 0 if oldest is None else max(0, self.clock.now_ms() - oldest.opened.time_ms)
        UNPAID.labels(shard.number).set(len(disputes.unpaid()))
        WAITING_SECONDS.labels(shard.number).set(waiting_ms / 1000)

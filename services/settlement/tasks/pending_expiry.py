"""Expires pending transfers by the clock, for every shard that is owned here."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from services.mesh.clock import Clock
from services.mesh.logs import get_logger
from services.mesh.metrics import REGISTRY
from services.mesh.shards.errors import ShardOverloaded
from services.mesh.shards.host import Shard
from services.settlement.domain.expiry import expire_pendings
from services.settlement.domain.state import SettlementState
from services.settlement.settings import SettlementSettings

_log = get_logger("settlement.pending")

EXPIRED = Counter("hongbao_settlement_pendings_expired", "Pending transfers that expired.", registry=REGISTRY)
OPEN = Gauge(
    "hongbao_settlement_pendings_open", "Pending transfers that stand.", ["shard"], registry=REGISTRY
)


@dataclass(frozen=True, slots=True)
class PendingExpiry:
    """A companion of every shard: see `ShardCompanion`."""

    clock: Clock
    settings: SettlementSettings

    async def begin(self, shard: Shard[SettlementState]) -> None:
        """Looks what is due, again and again, as long as the shard is owned here."""
        shard.spawn(self._run(shard), "pending transfers")

    async def end(self, shard: Shard[SettlementState]) -> None:
        """Forgets a shard that is not owned here any more."""
        OPEN.labels(shard.number).set(0)

    async def _run(self, shard: Shard[SettlementState]) -> None:
        while True:
            OPEN.labels(shard.number).set(shard.state.ledger.pendings.open_count)
            try:
                await self._expire(shard)
            except ShardOverloaded as error:
                # The disk is behind: what is due stays due.
                _log.warning("pending_expiry_put_off", shard=shard.number, error=str(error))
            await self.clock.sleep(self.settings.pending_expiry_ms / 1000)

    async def _expire(self, shard: Shard[SettlementState]) -> None:
        settings = self.settings
        while (
            event := expire_pendings(
                shard.state,
                self.clock.now_ms(),
                settings.pending_expiry_batch,
                settings.pending_end_remembered_ms,
            )
        ) is not None:
            shard.commit(event)
            EXPIRED.inc(len(event.transfers))
            # One batch after the other: expiring must not fill the queue to the disk that others need too.
            await shard.settled()

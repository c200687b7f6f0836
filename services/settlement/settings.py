"""Every knob of settlement."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from services.mesh.settings import MeshSettings


class SettlementSettings(MeshSettings):
    """What settlement can be told beside what every service can."""

    service: ClassVar[str] = "settlement"

    payout_batch_persons: int = Field(default=10_000, ge=1, le=65_536)
    """Most persons that one event of a pool payout pays. A payout of more takes several events."""
    run_persons_max: int = Field(default=16_384, ge=1, le=65_536)
    """Most persons in one event that carries out several records of a feed; one record alone may have more.
    An event is applied in one go: so many persons take about 10 milliseconds."""
    snapshot_every_credits: int = Field(default=2_000_000, ge=1, le=1_000_000_000)
    """Credits of wallets after which a snapshot is made, however few records they came in: so many take about
    a second to fold again."""
    funds_wait_ms: int = Field(default=2_000, ge=1, le=600_000)
    """Longest wait of a feed for money in transit before it is read again from its cursor, milliseconds."""
    feed_skip_records: int = Field(default=4_096, ge=1, le=1_000_000)
    """Records without effect after which a feed's cursor is made durable all the same."""
    feed_connect_ms: int = Field(default=2_000, ge=1, le=60_000)
    """Longest wait of a feed for its shard to have an owner, milliseconds."""

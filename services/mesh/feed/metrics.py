"""What a feed's consumer counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from services.mesh.metrics import REGISTRY

LAG_SECONDS = Gauge(
    "hongbao_feed_lag_seconds",
    "Age of the newest record when it was applied here.",
    ["source"],
    registry=REGISTRY,
)
RECORDS = Counter("hongbao_feed_records", "Records applied.", ["source"], registry=REGISTRY)
BATCHES = Counter(
    "hongbao_feed_batches", "Batches applied, each in one transaction.", ["source"], registry=REGISTRY
)
FAULTS = Counter(
    "hongbao_feed_faults",
    "Times that reading or applying failed and was begun again.",
    ["source"],
    registry=REGISTRY,
)

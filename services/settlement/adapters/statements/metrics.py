"""What is measured of the statements."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from services.mesh.metrics import REGISTRY

EVENTS_BEHIND = Gauge(
    "hongbao_settlement_statement_events_behind",
    "Durable events of a shard that are not in its statements yet.",
    ["shard"],
    registry=REGISTRY,
)
SECONDS_BEHIND = Gauge(
    "hongbao_settlement_statement_seconds_behind",
    "Age of the last event in a shard's statements while others wait to be added; 0 when none do.",
    ["shard"],
    registry=REGISTRY,
)
ENTRIES = Counter(
    "hongbao_settlement_statement_entries", "Entries added to statements.", ["shard"], registry=REGISTRY
)
FAULTS = Counter(
    "hongbao_settlement_statement_faults",
    "Attempts to add to a shard's statements that failed, and are repeated.",
    ["shard"],
    registry=REGISTRY,
)
REBUILDS = Counter(
    "hongbao_settlement_statement_rebuilds",
    "Times that a shard's statements were not of its journal, and are made anew.",
    ["shard"],
    registry=REGISTRY,
)

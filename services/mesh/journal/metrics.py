"""What journals count."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from services.mesh.metrics import LATENCY_BUCKETS_S, REGISTRY

COMMIT_SECONDS = Histogram(
    "hongbao_journal_commit_seconds",
    "Time of one group commit, from the moment it was begun until it was durable, seconds.",
    ["service"],
    buckets=LATENCY_BUCKETS_S,
    registry=REGISTRY,
)
ENTRIES = Counter("hongbao_journal_entries", "Entries made durable.", ["service"], registry=REGISTRY)
FAILURES = Counter(
    "hongbao_journal_commit_failures", "Group commits that failed.", ["service"], registry=REGISTRY
)
FULL_SYNC = Gauge(
    "hongbao_journal_full_sync",
    "SQLite journals open for writing that sync each commit to disk before it is acknowledged, as their "
    "own connections say.",
    ["service"],
    registry=REGISTRY,
)

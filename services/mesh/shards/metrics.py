"""What an autoscaler and an operator see of the shards that a process owns; counted when it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.mesh.metrics import REGISTRY
from services.mesh.shards.host import ShardHost


@contextlib.contextmanager
def shown_host(host: ShardHost[Any]) -> Iterator[None]:
    """Shows the shards of a host among the process's metrics as long as the block runs."""
    collector = _HostCollector(host)
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)


class _HostCollector(Collector):
    """Reads a host from the exposition's thread: it only looks, and at values that may be a moment apart."""

    def __init__(self, host: ShardHost[Any]) -> None:
        self._host = host

    def describe(self) -> Iterator[Metric]:
        return iter((_owned(), _undurable()))

    def collect(self) -> Iterator[Metric]:
        shards = tuple(self._host.shards())
        owned, undurable = _owned(), _undurable()
        owned.add_metric((self._host.service,), len(shards))
        undurable.add_metric((self._host.service,), sum(shard.seq - shard.durable_seq for shard in shards))
        return iter((owned, undurable))


def _owned() -> GaugeMetricFamily:
    return GaugeMetricFamily("hongbao_shards_owned", "Shards that this process serves.", labels=("service",))


def _undurable() -> GaugeMetricFamily:
    says = "Decisions that wait for the disk, over all shards of this process."
    return GaugeMetricFamily("hongbao_shards_undurable_records", says, labels=("service",))

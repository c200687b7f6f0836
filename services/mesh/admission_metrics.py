"""What an operator sees of bounded kinds of calls: how full each is, and how much of it was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.mesh.admission import LIVING
from services.mesh.metrics import REGISTRY


class _AdmissionCollector(Collector):
    """Reads counts from the exposition's thread, without changing anything."""

    def describe(self) -> Iterator[Metric]:
        return iter((_under_way(), _refused()))

    def collect(self) -> Iterator[Metric]:
        occupied: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for admission in tuple(LIVING):
            occupied[admission.name] += admission.occupied
            refused[admission.name] += admission.refused
        under_way, turned_away = _under_way(), _refused()
        for name, calls in occupied.items():
            under_way.add_metric((name,), calls)
            turned_away.add_metric((name,), refused[name])
        return iter((under_way, turned_away))


def _under_way() -> GaugeMetricFamily:
    says = "Calls of a bounded kind that are under way."
    return GaugeMetricFamily("hongbao_bounded_calls", says, labels=("kind",))


def _refused() -> CounterMetricFamily:
    says = "Calls of a bounded kind that were refused because there were too many of them."
    return CounterMetricFamily("hongbao_bounded_calls_refused", says, labels=("kind",))


REGISTRY.register(_AdmissionCollector())

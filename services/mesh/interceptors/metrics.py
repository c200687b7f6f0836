"""What is counted about each method.

Handlers run on one thread, the event loop's, so counting is plain addition. Prometheus' own counters take a
lock for each step, which costs more than all other interceptors together; they are built from ours when read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.mesh.metrics import LATENCY_BUCKETS_S, REGISTRY


class MethodMetrics:
    """The counts of one method of one service; every server in the process adds to the same ones."""

    __slots__ = ("by_code", "in_bucket", "in_flight", "seconds")

    def __init__(self) -> None:
        self.in_flight = 0
        self.seconds = 0.0
        self.by_code: Counter[str] = Counter()
        # One more than bounds: the last bucket is for what exceeds them all.
        self.in_bucket = [0] * (len(LATENCY_BUCKETS_S) + 1)

    def ended(self, code: str, seconds: float) -> None:
        """Counts a call out, by its gRPC code."""
        self.in_flight -= 1
        self.seconds += seconds
        self.in_bucket[bisect_left(LATENCY_BUCKETS_S, seconds)] += 1
        self.by_code[code] += 1


class _RpcCollector(Collector):
    """Shows the counts of all methods to Prometheus."""

    def __init__(self) -> None:
        self._methods: dict[tuple[str, str], MethodMetrics] = {}

    def method(self, service: str, method: str) -> MethodMetrics:
        return self._methods.setdefault((service, method), MethodMetrics())

    def describe(self) -> Iterator[Metric]:
        return iter((_handled(), _seconds(), _in_flight()))

    def collect(self) -> Iterator[Metric]:
        handled, seconds, in_flight = _handled(), _seconds(), _in_flight()
        for labels, counts in tuple(self._methods.items()):
            for code, count in tuple(counts.by_code.items()):
                handled.add_metric((*labels, code), count)
            in_flight.add_metric(labels, counts.in_flight)
            seconds.add_metric(labels, _cumulative(counts.in_bucket), counts.seconds)
        return iter((handled, seconds, in_flight))


def _handled() -> CounterMetricFamily:
    says = "Calls that a server has finished, by the gRPC code that they ended with."
    return CounterMetricFamily("hongbao_rpcs_handled", says, labels=("service", "method", "code"))


def _seconds() -> HistogramMetricFamily:
    says = "Time from a call's arrival at its handler to its end, seconds. Streams count whole."
    return HistogramMetricFamily("hongbao_rpc_seconds", says, labels=("service", "method"))


def _in_flight() -> GaugeMetricFamily:
    says = "Calls that a server works on."
    return GaugeMetricFamily("hongbao_rpcs_in_flight", says, labels=("service", "method"))


_collector = _RpcCollector()
REGISTRY.register(_collector)


def method_metrics(service: str, method: str) -> MethodMetrics:
    """The counts of a method; `method` is `package.Service/Method`."""
    return _collector.method(service, method)


def _cumulative(in_bucket: list[int]) -> list[tuple[str, float]]:
    bounds = (*map(str, LATENCY_BUCKETS_S), "+Inf")
    total, buckets = 0, []
    for bound, count in zip(bounds, in_bucket, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets

"""What an autoscaler and an operator see of claims and stocks.

Claims are counted as plain numbers on the event loop's thread and turned into metrics when these are read;
the rest is looked up then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.allocation.api.held import AllocationHost
from services.allocation.domain.figures import ClaimFigures
from services.allocation.domain.stock import Stock
from services.mesh.metrics import REGISTRY


@contextlib.contextmanager
def shown_allocation(host: AllocationHost, figures: ClaimFigures) -> Iterator[None]:
    """Shows the metrics of allocation among the process's as long as the block runs."""
    collector = _AllocationCollector(host, figures)
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)


class _AllocationCollector(Collector):
    """Reads figures and stocks from the exposition's thread, without changing anything."""

    def __init__(self, host: AllocationHost, figures: ClaimFigures) -> None:
        self._host = host
        self._figures = figures

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        stocks = self._open_stocks()
        yield _counter("claims", "Claims that were answered, won or not.", figures.claims)
        yield _counter("wins", "Claims that won a packet.", figures.wins)
        yield _counter("batches", "Batches of claims that were decided.", figures.batches)
        yield _counter("batches_refused", "Batches that were refused whole.", figures.batches_refused)
        yield _gauge(
            "batches_in_flight",
            "Batches that are decided and wait for the disk: the queue of claims.",
            sum(tuple(figures.in_flight.values())),
        )
        yield _gauge("stocks_open", "Parts of stocks that are not closed.", len(stocks))
        yield _gauge(
            "packets_left",
            "Packets in those that nobody has won.",
            sum(stock.packets_left for stock in stocks),
        )
        yield _gauge(
            "leftovers_received",
            "Packets in those that came from shards that had them left over.",
            sum(stock.transfers.packets_received for stock in stocks),
        )
        yield _gauge(
            "leftovers_sent",
            "Packets that those gave to shards that had run dry.",
            sum(stock.transfers.packets_sent for stock in stocks),
        )

    def _open_stocks(self) -> list[Stock]:
        return [
            stock
            for shard in tuple(self._host.shards())
            for stock in tuple(shard.state.stocks())
            if stock.closed is None
        ]


def _counter(name: str, says: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"hongbao_allocation_{name}", says, value=value)


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"hongbao_allocation_{name}", says, value=value)

"""What the two servers of `bench taps` say themselves: calls by gRPC status, and what they cost.

h2load sees HTTP 200 whatever the gRPC status, which comes in trailers. So the gateway's metrics are read.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections import Counter
from dataclasses import dataclass, field

import psutil
from prometheus_client.parser import text_string_to_metric_families

from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import gateway_pb2_grpc as gateway_grpc
from services.mesh.callgraph import OPERATOR
from services.mesh.channel import ChannelFactory
from services.mesh.settings import MeshSettings

_HANDLED = "hongbao_rpcs_handled_total"
_METHOD = "hongbao.gateway.v1.TapService/Tap"
_SCRAPE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums since a server's start, or their growth over a while."""

    ok: int
    """Taps answered with status OK."""
    cpu_s: float
    """Processor time of the process, all its threads, user and system."""
    failed_by_code: Counter[str] = field(default_factory=Counter)
    """Taps that ended with any other status."""
    passed_on: int = 0
    """Taps that the owner of the stock decided."""
    won: int = 0
    already_won: int = 0
    tokens_verified: int = 0

    @property
    def failed(self) -> int:
        """Taps that did not end with OK."""
        return self.failed_by_code.total()

    @property
    def handled(self) -> int:
        """All taps."""
        return self.ok + self.failed

    @property
    def cpu_us_per_call(self) -> float:
        """Processor time of one tap, microseconds."""
        return self.cpu_s / self.handled * 1e6 if self.handled else 0.0

    def since(self, before: Counts) -> Counts:
        """What has been added since then."""
        return Counts(
            ok=self.ok - before.ok,
            failed_by_code=self.failed_by_code - before.failed_by_code,
            cpu_s=self.cpu_s - before.cpu_s,
            passed_on=self.passed_on - before.passed_on,
            won=self.won - before.won,
            already_won=self.already_won - before.already_won,
            tokens_verified=self.tokens_verified - before.tokens_verified,
        )


async def echo_counts(pid: int, address: str) -> Counts:
    """What the echo has done; it cannot fail but by gRPC itself."""
    figures = await _figures(address)
    return Counts(ok=figures.reports, cpu_s=_cpu_s(pid))


async def gateway_counts(pid: int, address: str, metrics_port: int) -> Counts:
    """What the gateway has done."""
    figures = await _figures(address)
    by_code = await asyncio.to_thread(_taps_by_code, metrics_port)
    ok = by_code.pop("OK", 0)
    by_outcome = dict.fromkeys((gateway.TAP_OUTCOME_WON, gateway.TAP_OUTCOME_ALREADY_WON), 0)
    for row in figures.by_outcome:
        if row.outcome in by_outcome:
            by_outcome[row.outcome] += row.reports
    return Counts(
        ok=ok,
        failed_by_code=by_code,
        cpu_s=_cpu_s(pid),
        passed_on=figures.reports - figures.reports_answered_at_gateway,
        won=by_outcome[gateway.TAP_OUTCOME_WON],
        already_won=by_outcome[gateway.TAP_OUTCOME_ALREADY_WON],
        tokens_verified=figures.tokens_verified,
    )


async def _figures(address: str) -> gateway.GetGatewayFiguresResponse:
    channels = ChannelFactory(MeshSettings(), OPERATOR)
    try:
        stub = gateway_grpc.OperatorServiceStub(channels.channel(address))
        return await stub.GetGatewayFigures(gateway.GetGatewayFiguresRequest())
    finally:
        await channels.close()


def _taps_by_code(metrics_port: int) -> Counter[str]:
    """Finished taps by gRPC status, as the server's exposition has them."""
    address = f"http://127.0.0.1:{metrics_port}/metrics"
    with urllib.request.urlopen(address, timeout=_SCRAPE_TIMEOUT_S) as page:
        text = page.read().decode()
    return Counter(
        {
            sample.labels["code"]: int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == _HANDLED and sample.labels["method"] == _METHOD
        }
    )


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)

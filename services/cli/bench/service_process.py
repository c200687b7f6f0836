"""One process of a service under measurement: what it answers, what it takes, and how it dies."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from services.cli.bench.workplace import Workplace, free_port
from services.cli.local_mesh.process import ChildProcess, ProcessFailed
from services.mesh.channel import ChannelFactory
from services.mesh.settings import MeshSettings

_POLL_S = 0.02
_ANSWER_TIMEOUT_S = 1.0


@dataclass(slots=True)
class ServiceProcess:
    """The running process, and how to reach it."""

    place: Workplace
    child: ChildProcess
    address: str
    metrics_port: int
    ready_s: float
    """From the start of the process until it served all shards."""

    @classmethod
    async def start(
        cls,
        place: Workplace,
        service: str,
        name: str,
        settings: Mapping[str, str],
        others: str,
        timeout_s: float,
        port: int | None = None,
    ) -> Self:
        """Starts it on the data of the workplace, new or not, and waits until it serves every shard.

        `others` are the fixed addresses of the services that it calls; `port` is where it listens, if others
        have been told. Raises `ProcessFailed` when it ends or is late.
        """
        port, metrics_port = port or free_port(), free_port()
        begun_s = time.perf_counter()
        child = place.start_service(
            service,
            name,
            {
                "HONGBAO_LISTEN_PORT": str(port),
                "HONGBAO_METRICS_PORT": str(metrics_port),
                "HONGBAO_ETCD_ENDPOINTS": "",
                "HONGBAO_SERVICE_ADDRESSES": f"{service}=127.0.0.1:{port},{others}",
                **settings,
            },
        )
        process = cls(place, child, f"127.0.0.1:{port}", metrics_port, 0.0)
        await process._until_serving(timeout_s)
        process.ready_s = time.perf_counter() - begun_s
        return process

    @property
    def resident_bytes(self) -> int:
        """Memory that the process occupies now."""
        return int(psutil.Process(self.child.pid).memory_info().rss)

    @property
    def cpu_s(self) -> float:
        """Processor time that the process has taken so far, all threads."""
        times = psutil.Process(self.child.pid).cpu_times()
        return float(times.user + times.system)

    async def metric(self, name: str) -> float:
        """A metric of the process, summed over its labels; 0 when it has none of that name."""
        return sum((await self.metric_by(name, "")).values())

    async def metric_by(self, name: str, label: str) -> dict[str, float]:
        """A metric of the process by one of its labels, summed over the others."""
        text = await asyncio.to_thread(self._exposition)
        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name:
                    value = sample.labels.get(label, "")
                    sums[value] = sums.get(value, 0.0) + sample.value
        return sums

    def check_alive(self) -> None:
        """Raises `ProcessFailed` when it has ended."""
        if self.child.exit_code is not None:
            raise ProcessFailed(self.child.death_notice(), process=self.child.spec.name)

    def kill(self) -> None:
        """Ends it as a power cut would: nothing is flushed, no snapshot is kept."""
        self.child.kill()
        self.place.children.remove(self.child)

    def _exposition(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            text: str = answer.read().decode()
            return text

    async def _until_serving(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not await _serves(self.address):
                    self.check_alive()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            name = self.child.spec.name
            raise ProcessFailed(f"{name} does not serve after {timeout_s:.0f} s", process=name) from None


def channels_of(caller: str) -> ChannelFactory:
    """Connections in the name of one who may call what the benchmark calls."""
    return ChannelFactory(MeshSettings(), caller)


async def _serves(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]  # the package has no types
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

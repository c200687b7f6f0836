"""One allocation process that holds all shards, without etcd: what the benchmarks of claims load."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import grpc
import numpy as np
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc, events_pb2
from services.allocation.domain.values import Packets
from services.cli.bench.workplace import Workplace, free_port
from services.cli.local_mesh.process import ChildProcess, ProcessFailed
from services.mesh.channel import ChannelFactory
from services.mesh.settings import MeshSettings
from services.mesh.timestamps import timestamp

CAMPAIGN = "bench"
DRAW_RULE = 1
SEED = bytes(range(32))
WINDOW_MS = 3_600_000
"""Length of a benchmark's round: longer than any run."""
PREPARE_TIMEOUT_S = 300.0
PACKETS_PAGE = 65_536
_POLL_S = 0.02
_NOBODY = "settlement=127.0.0.1:1,social=127.0.0.1:1"
_ANSWER_TIMEOUT_S = 1.0


@dataclass(slots=True)
class AllocationProcess:
    """The running process, and how to reach it."""

    place: Workplace
    child: ChildProcess
    address: str
    metrics_port: int
    ready_s: float
    """From the start of the process until it served all shards."""

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
        text = await asyncio.to_thread(self._exposition)
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        )

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


async def start_allocation(
    place: Workplace, name: str, shards: int, timeout_s: float, settings: Mapping[str, str] | None = None
) -> AllocationProcess:
    """Starts it on the journals of the workplace, new or not, and waits until it serves every shard.

    Raises `ProcessFailed` when it ends or is late.
    """
    port, metrics_port = free_port(), free_port()
    begun_s = time.perf_counter()
    child = place.start_service(
        "allocation",
        name,
        {
            "HONGBAO_LISTEN_PORT": str(port),
            "HONGBAO_METRICS_PORT": str(metrics_port),
            "HONGBAO_ETCD_ENDPOINTS": "",
            # Nobody is asked for money or friends here: stocks are prepared shard by shard.
            "HONGBAO_SERVICE_ADDRESSES": f"allocation=127.0.0.1:{port},{_NOBODY}",
            "HONGBAO_ALLOCATION_SHARDS": str(shards),
            # Each shard has as many packets as it has people: what moved away would be missed.
            "HONGBAO_LEFTOVER_MOVES": "false",
            "HONGBAO_SETTLEMENT_SHARDS": "1",
            **(settings or {}),
        },
    )
    process = AllocationProcess(place, child, f"127.0.0.1:{port}", metrics_port, 0.0)
    await _until_serving(process, timeout_s)
    process.ready_s = time.perf_counter() - begun_s
    return process


async def prepare_part(
    channels: ChannelFactory, address: str, round_id: str, shard: int, packets: Packets
) -> str:
    """Gives a shard its part of a stock that is open from now on; returns the stock's id."""
    stock_id = f"{CAMPAIGN}.{round_id}"
    now_ms = int(time.time() * 1000)
    stub = allocation_pb2_grpc.StockServiceStub(channels.channel(address))
    await stub.PrepareStock(
        allocation_pb2.PrepareStockRequest(
            stock_id=stock_id,
            campaign_id=CAMPAIGN,
            round_id=round_id,
            sponsor_id=1,
            shard=shard,
            opens_at=timestamp(now_ms - 1),
            closes_at=timestamp(now_ms + WINDOW_MS),
            budget_fen=packets.budget_fen,
            packet_count=packets.count,
            packet_min_fen=packets.min_fen,
            packet_max_fen=packets.max_fen,
            release_curve=events_pb2.RELEASE_CURVE_IMMEDIATE,
            seed=SEED,
            draw_rule=DRAW_RULE,
        ),
        timeout=PREPARE_TIMEOUT_S,
    )
    return stock_id


async def won_packets(
    channels: ChannelFactory, address: str, stock_id: str, shard: int
) -> AsyncIterator[tuple[np.ndarray, np.ndarray]]:
    """What the process says was won from a shard's part, page by page: people and amounts by index."""
    stub = allocation_pb2_grpc.StockServiceStub(channels.channel(address))
    request = allocation_pb2.ListPacketsRequest(stock_id=stock_id, shard=shard, page_size=PACKETS_PAGE)
    while True:
        page = await stub.ListPackets(request, timeout=PREPARE_TIMEOUT_S)
        yield np.array(page.person_ids, np.int64), np.array(page.amounts_fen, np.int64)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def channels_of(caller: str) -> ChannelFactory:
    """Connections in the name of one who may call what the benchmark calls."""
    return ChannelFactory(MeshSettings(), caller)


async def _until_serving(process: AllocationProcess, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not await _serves(process.address):
                process.check_alive()
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        name = process.child.spec.name
        raise ProcessFailed(f"{name} does not serve after {timeout_s:.0f} s", process=name) from None


async def _serves(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]  # the package has no types
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

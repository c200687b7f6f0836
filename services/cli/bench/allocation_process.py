"""One allocation process that holds all shards, without etcd: what the benchmarks of claims load."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping

import numpy as np

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc, events_pb2
from services.allocation.domain.values import Packets
from services.cli.bench.service_process import ServiceProcess, channels_of
from services.cli.bench.workplace import Workplace
from services.mesh.channel import ChannelFactory
from services.mesh.timestamps import timestamp

__all__ = ["AllocationProcess", "channels_of", "prepare_part", "start_allocation", "won_packets"]

CAMPAIGN = "bench"
DRAW_RULE = 1
SEED = bytes(range(32))
WINDOW_MS = 3_600_000
"""Length of a benchmark's round: longer than any run."""
PREPARE_TIMEOUT_S = 300.0
PACKETS_PAGE = 65_536
_NOBODY = "settlement=127.0.0.1:1,social=127.0.0.1:1"
"""Nobody is asked for money or friends here: stocks are prepared shard by shard."""


class AllocationProcess(ServiceProcess):
    """The running process, and how to reach it."""


async def start_allocation(
    place: Workplace, name: str, shards: int, timeout_s: float, settings: Mapping[str, str] | None = None
) -> AllocationProcess:
    """Starts it on the journals of the workplace, new or not, and waits until it serves every shard.

    Raises `ProcessFailed` when it ends or is late.
    """
    return await AllocationProcess.start(
        place,
        "allocation",
        name,
        {
            "HONGBAO_ALLOCATION_SHARDS": str(shards),
            # Each shard has as many packets as it has people: what moved away would be missed.
            "HONGBAO_LEFTOVER_MOVES": "false",
            "HONGBAO_SETTLEMENT_SHARDS": "1",
            **(settings or {}),
        },
        _NOBODY,
        timeout_s,
    )


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

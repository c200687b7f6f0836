"""What gateways see of stocks, and how many claims they may send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from hongbao.allocation.v1 import allocation_pb2
from tests.integration.allocation_mesh import SHARDS, AllocationMesh, memory_mesh, people_of

WON = allocation_pb2.CLAIM_OUTCOME_WON
SOLD_OUT = allocation_pb2.CLAIM_OUTCOME_SOLD_OUT
INTERVAL_S = 0.2
"""Between two pictures, as set by default."""

Watch = grpc.aio.UnaryStreamCall[allocation_pb2.WatchStocksRequest, allocation_pb2.WatchStocksResponse]


@pytest.fixture
async def mesh() -> AsyncIterator[AllocationMesh]:
    async with memory_mesh(leftover_moves=False) as made:
        yield made


def watch(mesh: AllocationMesh, instance: str) -> Watch:
    return mesh.claims().WatchStocks(allocation_pb2.WatchStocksRequest(instance=instance))


async def test_watchers_see_stocks_open_sell_out_and_close(mesh: AllocationMesh) -> None:
    await mesh.create_campaign()
    pictures = watch(mesh, "gateway-1")
    assert list((await pictures.read()).shards) == list(range(SHARDS))

    async def state_of(shard: int, phase: allocation_pb2.StockPhase.ValueType) -> allocation_pb2.StockState:
        for _ in range(400):
            picture = await pictures.read()
            for state in picture.stocks:
                if state.shard == shard and state.phase == phase:
                    return state
        raise AssertionError("the phase never came")

    await mesh.create_round(packet_count=40, budget_fen=4_000)
    scheduled = await state_of(1, allocation_pb2.STOCK_PHASE_SCHEDULED)
    assert (scheduled.packets_left, scheduled.admission_tokens) == (10, 0)
    now_ms = mesh.clock.now_ms()
    opening = asyncio.ensure_future(state_of(1, allocation_pb2.STOCK_PHASE_OPEN))
    await mesh.pass_time(10)
    opened = await opening
    assert (opened.packets_left, opened.admission_tokens) == (10, 10)
    assert opened.opens_at.ToMilliseconds() == now_ms + 10_000

    answer = await mesh.claim(1, people_of(1, 12))
    assert list(answer.outcomes) == [WON] * 10 + [SOLD_OUT] * 2
    # Told at once: the clock stands still.
    sold_out = await state_of(1, allocation_pb2.STOCK_PHASE_SOLD_OUT)
    assert (sold_out.packets_left, sold_out.admission_tokens) == (0, 0)
    closing = asyncio.ensure_future(state_of(1, allocation_pb2.STOCK_PHASE_CLOSED))
    await mesh.pass_time(61, step_s=0.5)
    assert (await closing).packets_left == 0
    pictures.cancel()


async def test_admission_tokens_are_shared_among_the_gateways_that_watch(mesh: AllocationMesh) -> None:
    await mesh.open_round(packet_count=40, budget_fen=4_000)

    first, second, third = (watch(mesh, f"gateway-{number}") for number in (1, 2, 3))
    for call in (first, second, third):
        await call.read()
    await mesh.pass_time(0.2)
    picture = await first.read()
    # Ten on each shard for three of them, rounded up.
    assert {state.admission_tokens for state in picture.stocks} == {4}
    for call in (first, second, third):
        call.cancel()


async def test_watchers_ask_by_turns_whether_packets_are_wanted_where_there_are_none() -> None:
    async with memory_mesh() as mesh:
        await mesh.open_round(packet_count=40, budget_fen=4_000)
        watchers = [watch(mesh, f"gateway-{number}") for number in range(4)]
        for call in watchers:
            await call.read()
        # Everything on shard 1 is won; the other shards have packets.
        assert (await mesh.claim(1, people_of(1, 10))).outcomes == [WON] * 10
        asked: list[list[int]] = []
        for _ in range(2 * len(watchers)):
            await mesh.pass_time(INTERVAL_S)
            asked.append([tokens_on(1, await call.read()) for call in watchers])
        for call in watchers:
            call.cancel()
    assert {tokens for turn in asked for tokens in turn} == {0, 1}
    # Each had its turn twice in eight intervals, whoever else watched.
    assert [sum(turn[number] for turn in asked) for number in range(4)] == [2] * 4


def tokens_on(shard: int, picture: allocation_pb2.WatchStocksResponse) -> int:
    (state,) = (state for state in picture.stocks if state.shard == shard)
    return state.admission_tokens

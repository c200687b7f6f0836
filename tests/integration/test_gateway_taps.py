from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import pytest

from hongbao.allocation.v1 import allocation_pb2
from hongbao.gateway.v1 import gateway_pb2
from services.mesh.errors import ErrorKind, ServiceError
from tests.integration.gateway_mesh import GatewayMesh, people_of

T = TypeVar("T")

WINDOW_S = 0.002
ONE, TWO = people_of(0, 2)
OTHER = people_of(1, 1)[0]


@pytest.fixture
async def mesh() -> AsyncIterator[GatewayMesh]:
    async with GatewayMesh() as mesh:
        yield mesh


async def test_claims_wait_for_each_other_for_two_milliseconds_in_a_batch_of_their_shard(
    mesh: GatewayMesh,
) -> None:
    taps = [asyncio.create_task(mesh.tap(person)) for person in (ONE, OTHER, TWO)]
    await mesh.settle()
    await mesh.clock.advance(WINDOW_S - 0.0001)
    assert [owner.batches for owner in mesh.owners] == [[], []]
    await mesh.clock.advance(0.0001)
    first, other, second = await asyncio.gather(*taps)
    assert [list(batch.person_ids) for batch in mesh.owners[0].batches] == [[ONE, TWO]]
    assert [list(batch.person_ids) for batch in mesh.owners[1].batches] == [[OTHER]]
    assert (first.outcome, first.amount_fen, first.packet_index) == (gateway_pb2.TAP_OUTCOME_WON, 100, 0)
    assert (second.amount_fen, second.packet_index, second.shard) == (200, 1, 0)
    assert (other.amount_fen, other.shard, other.answered_at_gateway) == (100, 1, False)


async def test_a_full_batch_does_not_wait() -> None:
    async with GatewayMesh(gateway_batch_claims_max=3) as mesh:
        answers = await asyncio.gather(*(mesh.tap(person) for person in people_of(0, 3)))
        assert [answer.amount_fen for answer in answers] == [100, 200, 300]
        assert mesh.clock.monotonic_s() == 0.0


async def test_a_packet_once_won_is_answered_here_with_the_same_packet(mesh: GatewayMesh) -> None:
    won = await _in_time(mesh, mesh.tap(ONE))
    again = await mesh.tap(ONE)
    assert again.outcome == gateway_pb2.TAP_OUTCOME_ALREADY_WON
    assert (again.amount_fen, again.packet_index) == (won.amount_fen, won.packet_index)
    assert again.answered_at_gateway
    assert len(mesh.owners[0].batches) == 1


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [
        (allocation_pb2.STOCK_PHASE_SCHEDULED, gateway_pb2.TAP_OUTCOME_NOT_OPEN),
        (allocation_pb2.STOCK_PHASE_OPEN, gateway_pb2.TAP_OUTCOME_MISS),
        (allocation_pb2.STOCK_PHASE_SOLD_OUT, gateway_pb2.TAP_OUTCOME_SOLD_OUT),
        (allocation_pb2.STOCK_PHASE_CLOSED, gateway_pb2.TAP_OUTCOME_CLOSED),
    ],
)
async def test_a_tap_that_cannot_win_makes_no_call(
    mesh: GatewayMesh, phase: allocation_pb2.StockPhase, outcome: gateway_pb2.TapOutcome
) -> None:
    mesh.owners[0].say(phase)
    await mesh.settle()
    answer = await mesh.tap(ONE, taps=37)
    assert (answer.outcome, answer.answered_at_gateway) == (outcome, True)
    assert not answer.HasField("packet_index")
    assert mesh.owners[0].batches == []
    figures = await mesh.figures()
    assert (figures.taps, figures.taps_answered_at_gateway, figures.reports) == (37, 37, 1)


async def test_tokens_bound_what_is_sent_until_the_next_picture(mesh: GatewayMesh) -> None:
    mesh.owners[0].say(allocation_pb2.STOCK_PHASE_OPEN, tokens=1)
    await mesh.settle()
    first, second = await _in_time(mesh, asyncio.gather(mesh.tap(ONE), mesh.tap(TWO)))
    assert {first.outcome, second.outcome} == {gateway_pb2.TAP_OUTCOME_WON, gateway_pb2.TAP_OUTCOME_MISS}
    mesh.owners[0].say(allocation_pb2.STOCK_PHASE_OPEN, tokens=1)
    await mesh.settle()
    assert (await _in_time(mesh, mesh.tap(TWO))).outcome in {
        gateway_pb2.TAP_OUTCOME_WON,
        gateway_pb2.TAP_OUTCOME_ALREADY_WON,
    }


async def test_a_round_ends_by_the_clock_even_when_its_owner_is_silent(mesh: GatewayMesh) -> None:
    await mesh.clock.advance(300.0)
    assert (await mesh.tap(ONE)).outcome == gateway_pb2.TAP_OUTCOME_CLOSED
    assert mesh.owners[0].batches == []


async def test_a_batch_follows_its_shard_to_the_next_owner(mesh: GatewayMesh) -> None:
    mesh.owners[0].shards.clear()
    mesh.owners[1].shards.append(0)
    tap = asyncio.create_task(mesh.tap(ONE))
    await mesh.settle()
    await mesh.clock.advance(WINDOW_S)
    assert len(mesh.owners[0].batches) == 1, "the old owner is asked first, and refuses"
    assert not tap.done()
    mesh.map.assign(0, mesh.owner_of(1, epoch=2))
    assert (await tap).outcome == gateway_pb2.TAP_OUTCOME_WON
    assert [list(batch.person_ids) for batch in mesh.owners[1].batches] == [[ONE]]
    assert (await mesh.figures()).batches_repeated == 1


async def test_a_batch_whose_stream_breaks_is_sent_again(mesh: GatewayMesh) -> None:
    mesh.owners[0].gate.clear()
    tap = asyncio.create_task(mesh.tap(ONE))
    await mesh.settle()
    await mesh.clock.advance(WINDOW_S)
    assert len(mesh.owners[0].batches) == 1
    mesh.owners[1].shards.append(0)
    mesh.network.cut(mesh.addresses[0])
    mesh.map.assign(0, mesh.owner_of(1, epoch=2))
    assert (await _in_time(mesh, tap)).outcome == gateway_pb2.TAP_OUTCOME_WON
    assert [list(batch.person_ids) for batch in mesh.owners[1].batches] == [[ONE]]


async def test_a_claim_that_nobody_answers_says_so_in_time(mesh: GatewayMesh) -> None:
    mesh.owners[0].gate.clear()
    tap = asyncio.create_task(mesh.tap(ONE))
    with pytest.raises(ServiceError) as refused:
        await _in_time(mesh, tap, step_s=0.5)
    assert (refused.value.kind, refused.value.reason) == (ErrorKind.UNAVAILABLE, "CLAIM_UNANSWERED")
    assert refused.value.metadata == {"stock_id": "spring-2016.round-1", "shard": "0"}
    assert refused.value.retry_delay_ms is not None
    assert (await mesh.figures()).claims_waiting == 0


async def test_taps_over_the_limit_are_refused_at_once() -> None:
    async with GatewayMesh(gateway_taps_max=1) as mesh:
        waiting = asyncio.create_task(mesh.tap(ONE))
        await mesh.settle()
        with pytest.raises(ServiceError) as refused:
            await mesh.tap(TWO)
        assert (refused.value.domain, refused.value.reason) == ("hongbao.gateway", "OVERLOADED")
        assert refused.value.retry_delay_ms == 200
        assert (await _in_time(mesh, waiting)).outcome == gateway_pb2.TAP_OUTCOME_WON


async def test_what_the_owner_refuses_reaches_every_tap_of_the_batch_as_it_is(mesh: GatewayMesh) -> None:
    mesh.owners[0].refusal = ServiceError.rebuilt(
        kind=ErrorKind.EXHAUSTED,
        domain="hongbao.allocation",
        reason="OVERLOADED",
        message="too many batches",
        metadata={"shard": "0", "batches_max": "4"},
        retry_delay_ms=70,
    )
    taps = asyncio.gather(mesh.tap(ONE), mesh.tap(TWO), return_exceptions=True)
    for refused in await _in_time(mesh, taps):
        assert isinstance(refused, ServiceError)
        assert (refused.domain, refused.reason) == ("hongbao.allocation", "OVERLOADED")
        assert (refused.metadata["batches_max"], refused.retry_delay_ms) == ("4", 70)


async def test_the_watch_follows_the_shard_map_to_a_new_owner(mesh: GatewayMesh) -> None:
    assert [owner.watchers for owner in mesh.owners] == [["gateway-1"], ["gateway-1"]]
    mesh.network.cut(mesh.addresses[0])
    mesh.owners[1].shards.append(0)
    mesh.map.assign(0, mesh.owner_of(1, epoch=2))
    mesh.owners[1].say(allocation_pb2.STOCK_PHASE_SOLD_OUT)
    await mesh.settle()
    assert (await mesh.tap(ONE)).outcome == gateway_pb2.TAP_OUTCOME_SOLD_OUT


@pytest.mark.parametrize("taps", [-1, 0, 1_001, 2**31 - 1])
async def test_absurd_counts_are_refused_by_the_contract(mesh: GatewayMesh, taps: int) -> None:
    with pytest.raises(ServiceError) as refused:
        await mesh.tap(ONE, taps=taps)
    assert (refused.value.reason, refused.value.metadata["field"]) == ("INVALID_FIELD", "taps")
    assert (await mesh.figures()).reports == 0


async def test_a_round_that_nobody_speaks_of_is_unknown(mesh: GatewayMesh) -> None:
    with pytest.raises(ServiceError) as refused:
        await mesh.tap(ONE, round_id="round-9")
    assert (refused.value.kind, refused.value.reason) == (ErrorKind.NOT_FOUND, "ROUND_UNKNOWN")


async def test_a_tap_given_up_by_its_player_leaves_no_place_taken(mesh: GatewayMesh) -> None:
    tap = asyncio.create_task(mesh.tap(ONE))
    await mesh.settle()
    assert (await mesh.figures()).claims_waiting == 1
    tap.cancel()
    await mesh.settle()
    assert (await mesh.figures()).claims_waiting == 0


async def _in_time(mesh: GatewayMesh, work: Awaitable[T], step_s: float = WINDOW_S) -> T:
    """Moves the clock until the work is done."""
    task = asyncio.ensure_future(work)
    for _ in range(100):
        await mesh.settle()
        if task.done():
            break
        await mesh.clock.advance(step_s)
    return await task

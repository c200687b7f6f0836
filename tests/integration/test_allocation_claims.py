from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from hongbao.allocation.v1 import allocation_pb2
from services.mesh.clock import ManualClock
from services.mesh.errors import ServiceError
from services.mesh.interceptors.errors import from_status
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import JournalStore
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import start_telemetry
from tests.integration.allocation_mesh import (
    SHARDS,
    STOCK,
    AllocationMesh,
    memory_mesh,
    people_of,
    until,
)

WON = allocation_pb2.CLAIM_OUTCOME_WON
ALREADY_WON = allocation_pb2.CLAIM_OUTCOME_ALREADY_WON
SOLD_OUT = allocation_pb2.CLAIM_OUTCOME_SOLD_OUT


@pytest.fixture
async def mesh() -> AsyncIterator[AllocationMesh]:
    async with memory_mesh(leftover_moves=False) as made:
        yield made


def reason(answer: allocation_pb2.ClaimBatchResponse) -> str:
    assert answer.HasField("error")
    assert not answer.outcomes
    return from_status(answer.error).reason


async def test_many_batches_of_one_stream_are_each_answered_once(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    requests = [
        allocation_pb2.ClaimBatchRequest(
            batch_id=shard * 100 + number,
            stock_id=STOCK,
            shard=shard,
            person_ids=people_of(shard, 20)[number : number + 5],
        )
        for number in range(10)
        for shard in range(SHARDS)
    ]
    answers = {answer.batch_id: answer async for answer in mesh.claims().ClaimBatch(iter(requests))}
    assert sorted(answers) == sorted(request.batch_id for request in requests)
    packets: dict[int, set[tuple[int, int]]] = {}
    for request in requests:
        answer = answers[request.batch_id]
        assert set(answer.outcomes) <= {WON, ALREADY_WON}
        for person, index, amount in zip(
            request.person_ids, answer.packet_indexes, answer.amounts_fen, strict=True
        ):
            packets.setdefault(person, set()).add((index, amount))
    # Whoever appeared in several batches was told of one packet.
    assert all(len(told) == 1 for told in packets.values())
    for shard in range(SHARDS):
        stock = allocation_pb2.GetStockRequest(stock_id=STOCK, shard=shard)
        assert (await mesh.stocks().GetStock(stock)).packets_won == 14


async def test_a_batch_that_is_refused_does_not_disturb_the_others(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    ours = people_of(0, 2)
    requests = [
        allocation_pb2.ClaimBatchRequest(batch_id=1, stock_id=STOCK, shard=0, person_ids=ours[:1]),
        allocation_pb2.ClaimBatchRequest(
            batch_id=2, stock_id="spring-2016.unknown", shard=0, person_ids=ours
        ),
        allocation_pb2.ClaimBatchRequest(batch_id=3, stock_id=STOCK, shard=900, person_ids=ours),
        allocation_pb2.ClaimBatchRequest(batch_id=4, stock_id=STOCK, shard=0, person_ids=ours[1:]),
    ]
    answers = {answer.batch_id: answer async for answer in mesh.claims().ClaimBatch(iter(requests))}
    assert list(answers[1].outcomes) == list(answers[4].outcomes) == [WON]
    assert reason(answers[2]) == "STOCK_UNKNOWN"
    assert reason(answers[3]) == "SHARD_UNKNOWN"


async def test_a_broken_batch_ends_the_stream_with_the_field_named(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    empty = allocation_pb2.ClaimBatchRequest(batch_id=1, stock_id=STOCK, shard=0)
    with pytest.raises(ServiceError, match="INVALID_FIELD") as failure:
        async for _ in mesh.claims().ClaimBatch(iter([empty])):
            pass
    assert failure.value.metadata["field"] == "person_ids"


async def test_an_answer_waits_for_the_disk_also_when_it_only_repeats() -> None:
    async with memory_mesh() as mesh:
        await mesh.open_round()
        store = mesh.store
        assert isinstance(store, MemoryStore)
        store.latency_s = 1.0
        person = people_of(2, 1)
        first = asyncio.ensure_future(mesh.claim(2, person))
        again = asyncio.ensure_future(mesh.claim(2, person))
        shard = mesh.instances["a"].host.owned(2)
        await until(lambda: shard.seq > shard.durable_seq, "the win is decided")
        await mesh.pass_time(0.5)
        assert not first.done()
        assert not again.done()
        await mesh.pass_time(2)
        answers = [await first, await again]
        assert sorted(answer.outcomes[0] for answer in answers) == [WON, ALREADY_WON]
        assert answers[0].amounts_fen == answers[1].amounts_fen


async def test_too_many_batches_in_flight_are_refused_at_once() -> None:
    async with memory_mesh(stream_batches_max=2) as mesh:
        await mesh.open_round()
        store = mesh.store
        assert isinstance(store, MemoryStore)
        store.latency_s = 1.0
        call = mesh.claims().ClaimBatch()
        for number in range(3):
            person = people_of(1, 3)[number]
            await call.write(
                allocation_pb2.ClaimBatchRequest(
                    batch_id=number, stock_id=STOCK, shard=1, person_ids=[person]
                )
            )
        refused = await call.read()
        assert refused is not grpc.aio.EOF
        assert (refused.batch_id, reason(refused)) == (2, "OVERLOADED")
        assert from_status(refused.error).retry_delay_ms is not None
        await mesh.pass_time(2.5)
        accepted = [await call.read(), await call.read()]
        assert [list(answer.outcomes) for answer in accepted] == [[WON], [WON]]
        call.cancel()


async def test_a_wrong_owner_says_so_and_decides_nothing(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    await mesh.start("b", shards=())
    answer = await mesh.claim(1, people_of(1, 3), "local/b")
    assert reason(answer) == "SHARD_NOT_OWNED"
    await mesh.instances["a"].host.give(1)
    await mesh.take(mesh.instances["b"], 1, epoch=2)
    assert reason(await mesh.claim(1, people_of(1, 3))) == "SHARD_NOT_OWNED"
    assert list((await mesh.claim(1, people_of(1, 3), "local/b")).outcomes) == [WON] * 3


async def test_a_handed_over_shard_remembers_every_winner(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    before = await mesh.claim(1, people_of(1, 30))
    await mesh.instances["a"].host.give(1)
    await mesh.start("b", shards=[1], epoch=2)
    again = await mesh.claim(1, people_of(1, 31), "local/b")
    assert list(again.outcomes) == [ALREADY_WON] * 30 + [WON]
    assert again.amounts_fen[:30] == before.amounts_fen[:]
    assert again.packet_indexes[:30] == before.packet_indexes[:]


async def test_a_frozen_owner_that_wakes_up_late_cannot_win_anything_for_anybody(
    mesh: AllocationMesh,
) -> None:
    await mesh.open_round()
    await mesh.claim(0, people_of(0, 3))
    # "a" sleeps while "b" takes over; then both believe to own the shard.
    await mesh.start("b", shards=[0], epoch=2)
    late = await mesh.claim(0, people_of(0, 5)[3:], "local/a")
    assert reason(late) == "SHARD_LOST"
    good = await mesh.claim(0, people_of(0, 5)[4:], "local/b")
    assert (list(good.outcomes), list(good.packet_indexes)) == ([WON], [3])
    # And "a" has understood.
    assert reason(await mesh.claim(0, people_of(0, 5), "local/a")) == "SHARD_NOT_OWNED"


@pytest.mark.parametrize("in_flight_survives", [False, True])
async def test_after_a_crash_in_the_middle_of_a_commit_nobody_wins_twice(*, in_flight_survives: bool) -> None:
    async with memory_mesh() as mesh:
        await mesh.open_round()
        acknowledged = await mesh.claim(3, people_of(3, 5))
        store = mesh.store
        assert isinstance(store, MemoryStore)
        store.latency_s = 1.0
        pending = asyncio.ensure_future(mesh.claim(3, people_of(3, 8)[5:]))
        shard = mesh.instances["a"].host.owned(3)
        await until(lambda: shard.seq > shard.durable_seq, "the wins are decided")
        await mesh.pass_time(0.2)
        await mesh.crash(mesh.instances["a"], in_flight_survives=in_flight_survives)
        with pytest.raises(ServiceError):
            await pending
        store.latency_s = 0.0

        await mesh.start("b", epoch=2)
        again = await mesh.claim(3, people_of(3, 8), "local/b")
        unacknowledged = ALREADY_WON if in_flight_survives else WON
        assert list(again.outcomes) == [ALREADY_WON] * 5 + [unacknowledged] * 3
        assert again.amounts_fen[:5] == acknowledged.amounts_fen[:]
        assert list(again.packet_indexes) == list(range(8))


async def test_on_sqlite_a_killed_process_leaves_every_acknowledged_win(tmp_path: Path) -> None:
    def store(settings: MeshSettings, _: ManualClock) -> JournalStore:
        return SqliteStore(tmp_path, settings)

    async with AllocationMesh(store, snapshot_every_records=3) as mesh:
        await mesh.start("a")
        await mesh.open_round()
        acknowledged = [await mesh.claim(2, people_of(2, 40)[start : start + 5]) for start in range(0, 40, 5)]
        await mesh.crash(mesh.instances["a"])

        await mesh.start("b", epoch=2)
        again = await mesh.claim(2, people_of(2, 40), "local/b")
        assert list(again.outcomes) == [ALREADY_WON] * 40
        assert list(again.amounts_fen) == [fen for answer in acknowledged for fen in answer.amounts_fen]
        person = people_of(2, 1)[0]
        assert (await mesh.packet(person, "local/b")).amount_fen == again.amounts_fen[0]
        await mesh.pass_time(61, step_s=0.5)
        closed = await mesh.closed_round("local/b")
        assert closed.totals.won_fen == sum(again.amounts_fen)


async def test_packets_are_listed_page_by_page(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    people = people_of(0, 25)
    answer = await mesh.claim(0, people)
    listed: list[tuple[int, int, int]] = []
    token = ""
    for _ in range(3):
        request = allocation_pb2.ListPacketsRequest(stock_id=STOCK, shard=0, page_size=10, page_token=token)
        page = await mesh.stocks().ListPackets(request)
        listed += zip(page.packet_indexes, page.person_ids, page.amounts_fen, strict=True)
        token = page.next_page_token
    assert token == ""
    assert listed == list(zip(range(25), people, answer.amounts_fen, strict=True))


async def test_a_sampled_batch_is_on_record_under_its_own_span(tmp_path: Path) -> None:
    trace_file = tmp_path / "spans.jsonl"

    def store(settings: MeshSettings, clock: ManualClock) -> JournalStore:
        return MemoryStore(settings, clock)

    made = AllocationMesh(store, trace_file=str(trace_file), trace_sample_ratio=0.0)
    telemetry = start_telemetry(made.settings("traced"), "allocation")
    made.telemetry = telemetry
    async with made as mesh:
        await mesh.start("a")
        await mesh.open_round()
        trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        await mesh.claim(0, people_of(0, 1), trace_context=f"00-{trace_id}-{span_id}-01")
        await mesh.claim(0, people_of(0, 2)[1:], trace_context=f"00-{trace_id}-{span_id}-00")
        await mesh.claim(0, people_of(0, 3)[2:])
        wins = [record for record in await mesh.feed(0) if record.event.HasField("packets_won")]
    telemetry.shutdown()
    sampled, unsampled, untraced = (record.trace_context for record in wins)
    assert sampled.split("-")[1] == trace_id
    assert sampled.split("-")[2] != span_id
    assert unsampled == untraced == ""
    assert sampled.split("-")[2] in trace_file.read_text(encoding="utf-8")

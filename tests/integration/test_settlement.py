"""Settlement's real shards, journals, servers and feed consumers, under a manual clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hongbao.allocation.v1 import envelope_events_pb2 as envelopes
from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.settlement.v1 import settlement_pb2
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from services.mesh.telemetry import start_telemetry
from tests.integration.settlement_mesh import CAMPAIGN, ROUND, SHARDS, SPONSOR, SettlementMesh
from tests.integration.settlement_storage import Storage, storage
from tests.unit.settlement.world import persons, pool_decided

__all__ = ["storage"]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def mesh() -> AsyncIterator[SettlementMesh]:
    async with SettlementMesh(payout_batch_persons=2) as mesh:
        await mesh.start()
        yield mesh


async def play_evening(mesh: SettlementMesh) -> dict[int, int]:
    """Funds a round and a pool and lets everything happen; returns what each wallet must hold."""
    await mesh.deposit(10_000)
    await mesh.hold_round([1000, 1000, 1000, 0])
    await mesh.hold_pool(1000)
    wallets: dict[int, int] = {}
    won = [0, 0, 0, 0]
    for part in range(3):
        for index, person in enumerate(persons(part, 4, 4)):
            mesh.packets_won(part, [person], [10 * part + index + 1])
            won[part] += 10 * part + index + 1
            wallets[person] = 10 * part + index + 1
    for part, amount_fen in enumerate([1000, 1000, 1000, 0]):
        mesh.stock_closed(part, won[part], amount_fen - won[part])
    sets = [3, 0, 2, 2]
    for shard, count in enumerate(sets):
        for person in persons(shard, 4, count):
            mesh.set_completed(person)
            wallets[person] = wallets.get(person, 0) + 1000 // 7
    mesh.pool_decided(pool_decided(1000, sets))
    return wallets


async def check_evening(mesh: SettlementMesh, wallets: dict[int, int]) -> None:
    await mesh.until(mesh.settled, "all money has arrived")
    books = await mesh.books()
    assert books.sound, books
    assert {person: await mesh.wallet(person) for person in wallets} == wallets
    assert await mesh.balance("remainder:spring", mesh.campaign_home) == 1000 - 7 * (1000 // 7)
    packets_fen = sum(wallets.values()) - 7 * (1000 // 7)
    assert await mesh.balance("sponsor:7", shard_of(SPONSOR, SHARDS)) == 6000 + 3000 - packets_fen


async def test_an_evening_ends_with_every_fen_in_its_place(
    storage: Storage,
) -> None:
    async with storage.mesh(payout_batch_persons=2) as mesh:
        await mesh.start()
        await check_evening(mesh, await play_evening(mesh))
        response = await mesh.stub(SPONSOR).GetHold(
            settlement_pb2.GetHoldRequest(sponsor_id=SPONSOR, hold_id=ROUND)
        )
        assert response.hold.amount_fen == 3000
        assert response.hold.returned_fen == (await mesh.books()).campaigns[0].returned_fen


async def test_shards_in_two_processes_pay_each_other(
    storage: Storage,
) -> None:
    async with storage.mesh(payout_batch_persons=2) as mesh:
        await mesh.start("a", [0])
        await mesh.start("b", [1])
        await check_evening(mesh, await play_evening(mesh))


@pytest.mark.parametrize("after", [1, 4, 9, 14, 20])
async def test_a_crash_at_any_moment_loses_and_repeats_nothing(storage: Storage, after: int) -> None:
    async with storage.mesh(payout_batch_persons=2, snapshot_every_records=5) as mesh:
        settlement = await mesh.start("a")
        wallets = await play_evening(mesh)

        async def far_enough() -> bool:
            return sum(shard.durable_seq for shard in settlement.host.shards()) >= after

        await mesh.until(far_enough, f"{after} events are durable")
        await mesh.crash("a")
        await mesh.start("b", epoch=2)
        await check_evening(mesh, wallets)


async def test_a_shard_that_is_handed_over_goes_on_where_it_was(storage: Storage) -> None:
    async with storage.mesh(payout_batch_persons=2) as mesh:
        await mesh.start("a")
        await mesh.start("b", [])
        wallets = await play_evening(mesh)
        await mesh.give("a", 0)
        await mesh.take("b", 0, epoch=2)
        await check_evening(mesh, wallets)


async def test_packets_wait_for_money_in_transit_and_the_books_say_so(mesh: SettlementMesh) -> None:
    person = persons(0, 4, 1)[0]
    mesh.packets_won(0, [person], [5])

    async def waits() -> bool:
        return bool((await mesh.books()).waiting)

    await mesh.until(waits, "the feed waits")
    [line] = (await mesh.books()).waiting
    assert (line.source, line.halt and line.halt.seq) == ("allocation/0", 1)
    assert (await mesh.books()).sound
    await mesh.deposit(100)
    await mesh.hold_round([100])

    async def paid() -> bool:
        return await mesh.wallet(person) == 5

    await mesh.until(paid, "the packet is paid")
    assert not (await mesh.books()).waiting


async def test_a_contradiction_stops_its_feed_and_no_other(mesh: SettlementMesh) -> None:
    one, other = persons(0, 4, 1)[0], persons(2, 4, 1)[0]
    await mesh.deposit(200)
    await mesh.hold_round([100, 0, 100, 0])
    mesh.packets_won(0, [one], [101])
    mesh.packets_won(0, [one], [1])
    mesh.packets_won(2, [other], [30])

    async def stopped_and_paid() -> bool:
        return bool((await mesh.books()).stopped) and await mesh.wallet(other) == 30

    await mesh.until(stopped_and_paid, "one feed stops and the other pays")
    await mesh.pass_time(5)
    books = await mesh.books()
    [line] = books.stopped
    assert line.source == "allocation/0"
    assert line.halt is not None
    assert line.halt.seq == 1
    assert "DEBIT_WOULD_GO_NEGATIVE" in line.halt.detail
    assert not books.sound
    assert await mesh.wallet(one) == 0


async def test_a_stopped_feed_is_stopped_again_by_the_next_owner() -> None:
    async with SettlementMesh() as mesh:
        await mesh.start("a")
        await mesh.deposit(100)
        await mesh.hold_round([100])
        mesh.stock_closed(0, 0, 99)

        async def stopped() -> bool:
            return bool((await mesh.books()).stopped)

        await mesh.until(stopped, "the feed stops")
        await mesh.crash("a")
        await mesh.start("b", epoch=2)
        await mesh.until(stopped, "the feed stops again")


async def test_an_owner_that_was_replaced_finds_no_contradiction_in_what_it_missed() -> None:
    async with SettlementMesh() as mesh:
        await mesh.start("a")
        await mesh.start("b", epoch=2)
        # The first owner goes on reading feeds; whose money it has not heard of, it cannot know.
        (replaced,) = (shard for shard in mesh.instances["a"].host.shards() if shard.number == 0)
        claimed = envelopes.ShareClaimed(envelope_id=9, person_id=9, amount_fen=1)
        with capture_logs() as logs:
            mesh.allocation.add(
                0,
                allocation.AllocationEvent(envelope=envelopes.EnvelopeEvent(share_claimed=claimed)),
            )

            async def stopped() -> bool:
                return bool((await mesh.books()).stopped) and replaced.failure is not None

            await mesh.until(stopped, "the owner's feed stops, and the other one's shard is lost")
        assert [log["event"] for log in logs if log["event"] == "feed_stopped"] == ["feed_stopped"]


async def test_a_packets_trace_goes_on_in_settlements_own_journal(mesh: SettlementMesh) -> None:
    await mesh.deposit(100)
    await mesh.hold_round([100])
    mesh.packets_won(0, [persons(0, 4, 1)[0]], [5], trace_context=TRACE)

    async def posted() -> bool:
        return await mesh.wallet(persons(0, 4, 1)[0]) == 5

    await mesh.until(posted, "the packet is posted")
    shard = mesh.instances["a"].host.owned(0)
    records = await shard.read(0, 100)
    # The trace is the same; the span is one of settlement's own where something in the process records spans.
    contexts = [record.trace_context for record in records if record.trace_context]
    assert [context[:35] for context in contexts] == [TRACE[:35]]


async def test_a_packets_trace_has_one_step_in_settlement_and_none_in_its_siblings(tmp_path: Path) -> None:
    trace_file = tmp_path / "spans.jsonl"
    async with SettlementMesh(trace_file=str(trace_file), trace_sample_ratio=0.0) as mesh:
        telemetry = start_telemetry(mesh.settings("traced"), "settlement")
        await mesh.start()
        await mesh.deposit(100)
        await mesh.hold_round([100])
        mesh.packets_won(0, [persons(0, 4, 1)[0]], [5], trace_context=TRACE)

        async def posted() -> bool:
            return await mesh.wallet(persons(0, 4, 1)[0]) == 5

        await mesh.until(posted, "the packet is posted")
        records = await mesh.instances["a"].host.owned(0).read(0, 100)
        request = settlement_pb2.ReadEventsRequest(shard=0, onward_shard=1, batch_records=1)
        call = mesh.stub_of_shard(0, mesh._channels("settlement")).ReadEvents(request)
        messages = aiter(call)
        for_sibling = [record for _ in records for record in (await anext(messages)).records]
        call.cancel()
    telemetry.shutdown()
    trace_id, parent_id = TRACE.split("-")[1:3]
    spans = [json.loads(line) for line in trace_file.read_text(encoding="utf-8").splitlines()]
    (arrival,) = [span for span in spans if span["trace_id"] == trace_id]
    assert (arrival["kind"], arrival["parent_span_id"]) == ("CONSUMER", parent_id)
    (context,) = [record.trace_context for record in records if record.trace_context]
    assert context.split("-")[1:3] == [trace_id, arrival["span_id"]]
    assert [record.seq for record in for_sibling] == [record.seq for record in records]
    assert not any(record.trace_context for record in for_sibling)


async def test_a_feed_for_a_sibling_holds_only_the_money_on_its_way_there(mesh: SettlementMesh) -> None:
    await mesh.deposit(100)
    await mesh.hold_round([10, 20, 30, 40])
    home = shard_of(SPONSOR, SHARDS)
    channels = mesh._channels("settlement")
    request = settlement_pb2.ReadEventsRequest(shard=home, onward_shard=1 - home)
    call = mesh.stub_of_shard(home, channels).ReadEvents(request)
    records = (await anext(aiter(call))).records
    call.cancel()
    assert [record.seq for record in records] == [1, 2]
    assert not records[0].event.transfers
    away = {transfer.onward.credit_account_id for transfer in records[1].event.transfers}
    assert away == {f"escrow:{ROUND}:{part}" for part in range(4) if part % SHARDS != home}


async def test_records_without_effect_do_not_have_to_be_read_again() -> None:
    async with SettlementMesh(feed_skip_records=10) as mesh:
        settlement = await mesh.start()
        for _ in range(25):
            mesh.allocation.add(0, allocation.AllocationEvent())

        async def checkpointed() -> bool:
            cursor = settlement.host.owned(0).state.ledger.cursors.get("allocation/0")
            return cursor is not None and cursor.seq >= 20

        await mesh.until(checkpointed, "the cursor is durable")


async def test_calls_for_a_shard_that_is_elsewhere_are_sent_there() -> None:
    async with SettlementMesh() as mesh:
        await mesh.start("a", [0])
        with pytest.raises(ServiceError) as refused:
            await mesh.stub_of_shard(0).GetShardBooks(settlement_pb2.GetShardBooksRequest(shard=1))
        assert refused.value.reason == "SHARD_NOT_OWNED"


async def test_the_same_hold_asked_twice_at_once_is_made_once(mesh: SettlementMesh) -> None:
    await mesh.deposit(100)
    first = mesh.hold_round([10, 20])
    second = mesh.hold_round([10, 20])
    assert (await first).available_fen == 70
    assert (await second).available_fen == 70
    campaigns = (await mesh.books()).campaigns
    assert [(campaign.campaign_id, campaign.held_fen) for campaign in campaigns] == [(CAMPAIGN, 30)]

"""Feeds that one event carries out record by record: through the real consumer, shard and journal."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hongbao.settlement.v1 import events_pb2
from services.mesh.shards.hashing import shard_of
from tests.integration.settlement_mesh import SettlementMesh
from tests.unit.settlement.world import persons

PART = 0
SHARD = 0
PEOPLE = persons(PART, 4, 9)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def mesh() -> AsyncIterator[SettlementMesh]:
    """A round that is funded; settings under which a few credits are many."""
    async with SettlementMesh(run_persons_max=4, snapshot_every_credits=6) as mesh:
        await mesh.start()
        await mesh.deposit(10_000)
        await mesh.hold_round([1000, 0, 0, 0])

        async def funded() -> bool:
            return not (await mesh.books()).in_transit_fen

        await mesh.until(funded, "the money is in escrow")
        yield mesh


def win(mesh: SettlementMesh, count: int) -> None:
    """So many records of one winner each, the third of them sampled."""
    for number, person_id in enumerate(PEOPLE[:count], start=1):
        mesh.packets_won(PART, [person_id], [number], TRACE if number == 3 else "")


async def until_paid(mesh: SettlementMesh, count: int) -> None:
    async def paid() -> bool:
        return (await mesh.books()).campaigns[0].packets == count

    await mesh.until(paid, f"{count} packets are paid")


async def test_records_are_carried_out_together_and_traced_by_the_first_that_is_sampled(
    mesh: SettlementMesh,
) -> None:
    shard = mesh.instances["a"].host.owned(SHARD)
    before = shard.seq
    win(mesh, 9)
    await until_paid(mesh, 9)
    records = [
        (record.trace_context, events_pb2.SettlementEvent.FromString(record.payload))
        for record in await shard.read(before, 100)
    ]
    positions = [event.position for _, event in records]
    assert [(position.first_seq, position.source_seq, position.records) for position in positions] == [
        (1, 4, 4),
        (5, 8, 4),
        (0, 9, 0),
    ]
    # The trace goes on below the batch's span, or below what the record came with.
    assert [trace.split("-")[1] if trace else "" for trace, _ in records] == [TRACE.split("-")[1], "", ""]
    assert [await mesh.wallet(person_id) for person_id in PEOPLE] == list(range(1, 10))


async def test_a_contradiction_in_the_middle_stops_the_feed_there_and_nowhere_before(
    mesh: SettlementMesh,
) -> None:
    win(mesh, 6)
    stranger = next(person for person in range(1, 99) if shard_of(person, 2) != SHARD)
    mesh.packets_won(PART, [stranger], [1])
    win(mesh, 1)

    async def stopped() -> bool:
        return bool((await mesh.books()).stopped)

    await mesh.until(stopped, "the feed is stopped")
    books = await mesh.books()
    assert [(feed.source, feed.halt.seq) for feed in books.stopped if feed.halt] == [("allocation/0", 7)]
    assert books.campaigns[0].packets == 6
    assert [feed.cursor_seq for feed in books.stopped] == [6]


async def test_a_snapshot_is_made_after_so_many_credits_however_few_their_events(
    mesh: SettlementMesh,
) -> None:
    journal = await mesh.store.open("settlement", SHARD)
    assert await journal.load_snapshot() is None
    win(mesh, 9)
    await until_paid(mesh, 9)

    async def snapshot_made() -> bool:
        return await journal.load_snapshot() is not None

    await mesh.until(snapshot_made, "there is a snapshot")
    await mesh.crash("a")
    await mesh.start("b", epoch=2)
    await until_paid(mesh, 9)
    assert (await mesh.books()).sound
    await journal.close()

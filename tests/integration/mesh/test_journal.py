"""What every journal does, whatever keeps it."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from services.mesh.journal.port import Entry, EpochFenced, Journal, JournalUnavailable, Record, Snapshot
from tests.integration.mesh.journal_adapters import EPOCH, Bench, bench, entries, names

__all__ = ["bench"]


@pytest.fixture
async def journal(bench: Bench) -> Journal:
    journal = await bench.open()
    await journal.fence(EPOCH)
    return journal


async def test_a_new_journal_is_empty(bench: Bench) -> None:
    journal = await bench.open()
    assert await journal.fence(EPOCH) == 0
    assert await journal.last_seq() == 0
    assert await journal.read(0, 10) == []
    assert await journal.load_snapshot() is None


async def test_an_appended_record_is_read_as_it_was_written(journal: Journal) -> None:
    trace_context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    entry = Entry(b"\x00\xff payload", time_ms=1_454_846_400_123, trace_context=trace_context)
    assert await journal.append(EPOCH, [entry]) == 1
    assert await journal.read(0, 10) == [
        Record(1, EPOCH, b"\x00\xff payload", 1_454_846_400_123, trace_context),
    ]


async def test_an_append_returns_the_last_of_its_numbers(journal: Journal) -> None:
    assert await journal.append(EPOCH, entries("a", "b")) == 2
    assert await journal.append(EPOCH, entries("c", "d", "e")) == 5
    assert await journal.last_seq() == 5


async def test_an_append_of_nothing_is_an_error(journal: Journal) -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        await journal.append(EPOCH, [])


async def test_an_empty_payload_is_a_record(journal: Journal) -> None:
    await journal.append(EPOCH, [Entry(b"", time_ms=1)])
    assert names(await journal.read(0, 10)) == [""]


@pytest.mark.parametrize(
    ("after_seq", "limit", "expected"),
    [(0, 10, "abcde"), (0, 2, "ab"), (2, 2, "cd"), (4, 10, "e"), (5, 10, ""), (99, 10, "")],
)
async def test_reading_resumes_from_any_number(
    journal: Journal, after_seq: int, limit: int, expected: str
) -> None:
    await journal.append(EPOCH, entries(*"abcde"))
    assert "".join(names(await journal.read(after_seq, limit))) == expected


async def test_concurrent_appends_leave_no_gap_and_stay_together(journal: Journal) -> None:
    sizes = [1 + index % 5 for index in range(60)]
    calls = [entries(*(f"{call}.{part}" for part in range(size))) for call, size in enumerate(sizes)]
    last = await asyncio.gather(*(journal.append(EPOCH, call) for call in calls))
    records = await journal.read(0, 1_000)
    assert [record.seq for record in records] == list(range(1, sum(sizes) + 1))
    by_seq = {record.seq: record.payload.decode() for record in records}
    for call, (size, end) in enumerate(zip(sizes, last, strict=True)):
        assert [by_seq[seq] for seq in range(end - size + 1, end + 1)] == [
            f"{call}.{part}" for part in range(size)
        ]


async def test_appends_from_one_caller_keep_their_order(journal: Journal) -> None:
    last = await asyncio.gather(*(journal.append(EPOCH, entries(str(index))) for index in range(50)))
    assert list(last) == list(range(1, 51))
    assert names(await journal.read(0, 100)) == [str(index) for index in range(50)]


async def test_a_lower_epoch_is_refused_everywhere_and_writes_nothing(journal: Journal) -> None:
    await journal.append(EPOCH, entries("kept"))
    with pytest.raises(EpochFenced):
        await journal.fence(EPOCH - 1)
    with pytest.raises(EpochFenced):
        await journal.append(EPOCH - 1, entries("late"))
    with pytest.raises(EpochFenced):
        await journal.save_snapshot(EPOCH - 1, Snapshot(1, b"late"))
    assert names(await journal.read(0, 10)) == ["kept"]
    assert await journal.load_snapshot() is None


async def test_a_higher_epoch_on_another_handle_fences_the_first(bench: Bench, journal: Journal) -> None:
    await journal.append(EPOCH, entries("mine"))
    taker = await bench.open()
    assert await taker.fence(EPOCH + 1) == 1
    with pytest.raises(EpochFenced):
        await journal.append(EPOCH, entries("late"))
    with pytest.raises(EpochFenced):
        await journal.save_snapshot(EPOCH, Snapshot(1, b"late"))
    assert await taker.append(EPOCH + 1, entries("theirs")) == 2
    records = await journal.read(0, 10)
    assert [(record.epoch, record.payload) for record in records] == [
        (EPOCH, b"mine"),
        (EPOCH + 1, b"theirs"),
    ]


async def test_an_append_presents_its_epoch(bench: Bench, journal: Journal) -> None:
    taker = await bench.open()
    assert await taker.append(EPOCH + 1, entries("theirs")) == 1
    with pytest.raises(EpochFenced):
        await journal.append(EPOCH, entries("late"))


async def test_a_refused_append_does_not_spoil_the_group_that_it_is_in(journal: Journal) -> None:
    outcomes = await asyncio.gather(
        journal.append(EPOCH, entries("a")),
        journal.append(EPOCH - 1, entries("late")),
        journal.append(EPOCH, entries("b")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [int, EpochFenced, int]
    assert names(await journal.read(0, 10)) == ["a", "b"]


async def test_entries_that_must_follow_on_a_record_are_refused_when_somebody_else_has_written(
    bench: Bench, journal: Journal
) -> None:
    assert await journal.append(EPOCH, entries("a"), after_seq=0) == 1
    other = await bench.open()
    await other.fence(EPOCH)
    with pytest.raises(EpochFenced, match="ends at 1, not 0"):
        await other.append(EPOCH, entries("blind"), after_seq=0)
    assert await other.append(EPOCH, entries("b", "c"), after_seq=1) == 3
    with pytest.raises(EpochFenced, match="ends at 3, not 1"):
        await journal.append(EPOCH, entries("blind"), after_seq=1)
    with pytest.raises(EpochFenced, match="ends at 3, not 4"):
        await journal.append(EPOCH, entries("beyond"), after_seq=4)
    assert names(await journal.read(0, 10)) == ["a", "b", "c"]


async def test_calls_of_one_commit_may_follow_on_each_other(journal: Journal) -> None:
    outcomes = await asyncio.gather(
        journal.append(EPOCH, entries("a"), after_seq=0),
        journal.append(EPOCH, entries("b", "c"), after_seq=1),
        journal.append(EPOCH, entries("late"), after_seq=1),
        journal.append(EPOCH, entries("d"), after_seq=3),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [int, int, EpochFenced, int]
    assert names(await journal.read(0, 10)) == ["a", "b", "c", "d"]


async def test_an_equal_epoch_is_let_in(bench: Bench, journal: Journal) -> None:
    other = await bench.open()
    assert await other.fence(EPOCH) == 0
    assert await other.append(EPOCH, entries("a")) == 1
    assert await journal.append(EPOCH, entries("b")) == 2


async def test_two_handles_of_one_epoch_never_share_a_number(bench: Bench, journal: Journal) -> None:
    other = await bench.open()
    writers = itertools.cycle([journal, other])
    last = await asyncio.gather(*(next(writers).append(EPOCH, entries(str(n))) for n in range(40)))
    assert sorted(last) == list(range(1, 41))
    by_seq = {record.seq: record.payload.decode() for record in await other.read(0, 100)}
    assert [by_seq[seq] for seq in last] == [str(n) for n in range(40)]


async def test_everything_is_there_after_opening_again(bench: Bench, journal: Journal) -> None:
    await journal.append(EPOCH, entries("a", "b"))
    await journal.save_snapshot(EPOCH, Snapshot(2, b"state"))
    await journal.close()
    again = await bench.open()
    assert await again.fence(EPOCH + 1) == 2
    assert names(await again.read(0, 10)) == ["a", "b"]
    assert await again.load_snapshot() == Snapshot(2, b"state")
    with pytest.raises(EpochFenced):
        await again.append(EPOCH, entries("late"))


async def test_waiting_ends_when_this_handle_appends(journal: Journal) -> None:
    waiting = asyncio.create_task(journal.wait_beyond(0, timeout_s=30))
    await journal.append(EPOCH, entries("a"))
    assert await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_when_another_handle_appends(bench: Bench, journal: Journal) -> None:
    reader = await bench.open()
    waiting = asyncio.create_task(reader.wait_beyond(0, timeout_s=30))
    await journal.append(EPOCH, entries("a"))
    assert await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_without_a_record_when_the_time_is_over(journal: Journal) -> None:
    await journal.append(EPOCH, entries("a"))
    assert not await journal.wait_beyond(1, timeout_s=0.02)
    assert await journal.wait_beyond(0, timeout_s=0)


async def test_a_snapshot_replaces_the_one_before_and_leaves_the_records(journal: Journal) -> None:
    await journal.append(EPOCH, entries("a", "b"))
    await journal.save_snapshot(EPOCH, Snapshot(1, b"old"))
    await journal.save_snapshot(EPOCH, Snapshot(2, b""))
    assert await journal.load_snapshot() == Snapshot(2, b"")
    assert names(await journal.read(0, 10)) == ["a", "b"]


async def test_a_large_record_and_a_large_snapshot_survive(bench: Bench, journal: Journal) -> None:
    large = bytes(range(256)) * 8_192
    await journal.append(EPOCH, [Entry(large, time_ms=1), Entry(b"small", time_ms=2)])
    await journal.save_snapshot(EPOCH, Snapshot(2, large * 2))
    again = await bench.open()
    assert [record.payload for record in await again.read(0, 10)] == [large, b"small"]
    snapshot = await again.load_snapshot()
    assert snapshot is not None
    assert snapshot.state == large * 2


async def test_a_read_of_large_records_returns_fewer_but_never_none(journal: Journal) -> None:
    # Three megabytes each: two of them are more than one read carries.
    await journal.append(EPOCH, [Entry(bytes(3 * 1024 * 1024), time_ms=n) for n in range(3)])
    seen: list[int] = []
    while batch := await journal.read(len(seen), 10):
        assert len(batch) < 3
        seen.extend(record.seq for record in batch)
    assert seen == [1, 2, 3]


async def test_shards_and_services_do_not_see_each_other(bench: Bench, journal: Journal) -> None:
    await journal.append(EPOCH, entries("a"))
    for other in (await bench.open(shard=1), await bench.open(service="others")):
        assert await other.fence(1) == 0
        assert await other.read(0, 10) == []


async def test_closing_finishes_what_was_begun(bench: Bench, journal: Journal) -> None:
    appends = [asyncio.create_task(journal.append(EPOCH, entries(str(n)))) for n in range(20)]
    await asyncio.sleep(0)
    await journal.close()
    assert await asyncio.gather(*appends) == list(range(1, 21))
    assert len(await (await bench.open()).read(0, 100)) == 20


async def test_closing_again_does_nothing_and_use_afterwards_is_refused(journal: Journal) -> None:
    await asyncio.gather(journal.close(), journal.close())
    await journal.close()
    for use in (journal.fence(EPOCH), journal.append(EPOCH, entries("a")), journal.read(0, 1)):
        with pytest.raises(JournalUnavailable):
            await use


async def test_a_cancelled_append_leaves_the_journal_in_order(journal: Journal) -> None:
    appends = [asyncio.create_task(journal.append(EPOCH, entries(str(n)))) for n in range(10)]
    await asyncio.sleep(0)
    for append in appends[::2]:
        append.cancel()
    await asyncio.gather(*appends, return_exceptions=True)
    await journal.append(EPOCH, entries("end"))
    found = names(await journal.read(0, 100))
    assert set(found) >= {"1", "3", "5", "7", "9", "end"}
    assert len(found) == len(set(found)) == await journal.last_seq()

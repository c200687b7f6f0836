"""How much may wait for a commit, and how much goes into one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.mesh.journal.group import Call, GroupCommit, Outcome
from services.mesh.journal.port import Entry, JournalFull, JournalUnavailable
from services.mesh.settings import MeshSettings


class Disk:
    """Takes its time: a commit ends when it is told to."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.go_on = asyncio.Event()
        self.failure: Exception | None = None
        self._last_seq = 0

    async def write(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        self.groups.append(len(calls))
        outcomes: list[Outcome] = []
        for call in calls:
            self._last_seq += len(call.entries)
            outcomes.append(self._last_seq)
        return outcomes


def entries(count: int, size: int = 1) -> list[Entry]:
    return [Entry(b"x" * size, time_ms=1)] * count


async def _begin(group: GroupCommit, call: list[Entry]) -> asyncio.Task[int]:
    appending = asyncio.create_task(group.append(1, call))
    await asyncio.sleep(0)
    return appending


async def test_what_arrives_while_a_commit_is_under_way_goes_into_the_next_together() -> None:
    disk = Disk()
    group = GroupCommit("toys", MeshSettings(), disk.write)
    first = await _begin(group, entries(1))
    await asyncio.sleep(0)
    others = [await _begin(group, entries(2)) for _ in range(10)]
    disk.go_on.set()
    assert await asyncio.gather(first, *others) == [1, *range(3, 23, 2)]
    assert disk.groups == [1, 10]


@pytest.mark.parametrize(
    ("knob", "bound", "size"), [("journal_batch_entries_max", 4, 1), ("journal_batch_bytes_max", 1_024, 256)]
)
async def test_a_commit_is_bounded_in_entries_and_bytes(knob: str, bound: int, size: int) -> None:
    disk = Disk()
    group = GroupCommit("toys", MeshSettings.model_validate({knob: bound}), disk.write)
    calls = [await _begin(group, entries(2, size)) for _ in range(6)]
    disk.go_on.set()
    await asyncio.gather(*calls)
    assert max(disk.groups) == 2
    assert sum(disk.groups) == 6


async def test_a_call_that_is_larger_than_a_commit_goes_alone() -> None:
    disk = Disk()
    group = GroupCommit("toys", MeshSettings(journal_batch_entries_max=4), disk.write)
    calls = [await _begin(group, entries(count)) for count in (1, 9, 1)]
    disk.go_on.set()
    assert await asyncio.gather(*calls) == [1, 10, 11]
    assert disk.groups == [1, 1, 1]


@pytest.mark.parametrize(
    ("knob", "bound", "size"), [("journal_queue_entries_max", 4, 1), ("journal_queue_bytes_max", 1_024, 256)]
)
async def test_what_may_wait_is_bounded_in_entries_and_bytes(knob: str, bound: int, size: int) -> None:
    disk = Disk()
    group = GroupCommit("toys", MeshSettings.model_validate({knob: bound}), disk.write)
    # The first is taken by the writer at once; two more fill the queue.
    calls = [await _begin(group, entries(2, size))]
    await asyncio.sleep(0)
    calls += [await _begin(group, entries(2, size)) for _ in range(2)]
    with pytest.raises(JournalFull) as refusal:
        await group.append(1, entries(1, size))
    assert refusal.value.metadata == {"limit": knob}
    assert refusal.value.retry_delay_ms
    disk.go_on.set()
    assert await asyncio.gather(*calls) == [2, 4, 6]
    assert await group.append(1, entries(1, size)) == 7


async def test_a_failure_nobody_expected_reaches_every_waiter_and_the_next_commit_goes_on() -> None:
    disk = Disk()
    disk.failure = LookupError("no disk")
    group = GroupCommit("toys", MeshSettings(), disk.write)
    calls = [await _begin(group, entries(1)) for _ in range(3)]
    disk.go_on.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, JournalUnavailable) for outcome in outcomes)
    disk.failure = None
    assert await group.append(1, entries(1)) == 1

"""Taking a SQLite journal from an owner that is frozen with the write lock in its hands."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.mesh.journal import sqlite_generations
from services.mesh.journal.port import EpochFenced, JournalUnavailable, Snapshot
from services.mesh.journal.sqlite import SqliteJournal, SqliteStore
from tests.integration.mesh.journal_adapters import EPOCH, entries, journal_settings, names


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path, journal_settings(journal_takeover_ms=20, journal_busy_ms=500))
    yield store
    await store.close()


@pytest.fixture
async def old(store: SqliteStore) -> SqliteJournal:
    """The journal of an owner who wrote two records, "a" and "b", and a snapshot at the first."""
    journal = await store.open("toys", 0)
    await journal.fence(EPOCH)
    await journal.append(EPOCH, entries("a", "b"))
    await journal.save_snapshot(EPOCH, Snapshot(1, b"state"))
    return journal


class Frozen:
    """Somebody in the middle of a commit."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(
            "INSERT INTO records SELECT max(seq) + 1, 7, 1, '', CAST('frozen' AS BLOB), x'' FROM records"
        )

    def wake(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.close()


async def test_everything_told_is_in_the_new_file_and_nothing_later_is(
    store: SqliteStore, old: SqliteJournal, tmp_path: Path
) -> None:
    frozen = Frozen(tmp_path / "toys" / "0.db")
    new = await store.open("toys", 0)
    assert await new.fence(EPOCH + 1) == 2
    assert await new.append(EPOCH + 1, entries("c")) == 3
    frozen.wake()
    with pytest.raises(EpochFenced):
        await old.append(EPOCH, entries("late"))
    with pytest.raises(EpochFenced):
        await old.save_snapshot(EPOCH, Snapshot(2, b"late"))
    assert names(await new.read(0, 10)) == ["a", "b", "c"]
    assert await new.load_snapshot() == Snapshot(1, b"state")


async def test_whoever_opens_the_journal_later_finds_the_new_file(
    store: SqliteStore, old: SqliteJournal, tmp_path: Path
) -> None:
    frozen = Frozen(tmp_path / "toys" / "0.db")
    new = await store.open("toys", 0)
    await new.fence(EPOCH + 1)
    await new.append(EPOCH + 1, entries("c"))
    await new.close()
    frozen.wake()
    again = await store.open("toys", 0)
    assert await again.fence(EPOCH + 2) == 3
    assert await again.append(EPOCH + 2, entries("d")) == 4
    assert names(await again.read(0, 10)) == ["a", "b", "c", "d"]
    assert sorted(path.name for path in (tmp_path / "toys").glob("0*.db")) == [f"0.{EPOCH + 1}.db"]
    with pytest.raises(JournalUnavailable, match="open it again"):
        await old.read(0, 10)


async def test_a_file_can_be_taken_over_again_and_again(
    store: SqliteStore, old: SqliteJournal, tmp_path: Path
) -> None:
    await old.close()
    frozen, file = [], "0.db"
    for turn in range(1, 4):
        frozen.append(Frozen(tmp_path / "toys" / file))
        journal = await store.open("toys", 0)
        epoch = EPOCH + turn
        assert await journal.fence(epoch) == 1 + turn
        assert await journal.append(epoch, entries(f"turn {turn}")) == 2 + turn
        file = f"0.{epoch}.db"
    for sleeper in frozen:
        sleeper.wake()
    assert names(await journal.read(0, 10)) == ["a", "b", "turn 1", "turn 2", "turn 3"]


async def test_a_takeover_under_an_old_epoch_is_refused(
    store: SqliteStore, old: SqliteJournal, tmp_path: Path
) -> None:
    await old.fence(EPOCH + 5)
    frozen = Frozen(tmp_path / "toys" / "0.db")
    new = await store.open("toys", 0)
    with pytest.raises(EpochFenced):
        await new.fence(EPOCH + 1)
    frozen.wake()
    assert await old.append(EPOCH + 5, entries("c")) == 4
    assert names(await old.read(0, 10)) == ["a", "b", "frozen", "c"]


async def test_a_takeover_that_died_half_way_is_done_by_the_next_owner(
    store: SqliteStore, old: SqliteJournal
) -> None:
    old._generations._mark(EPOCH + 1)
    with pytest.raises(EpochFenced):
        await old.append(EPOCH, entries("late"))
    new = await store.open("toys", 0)
    # "late" was written before the mark was seen, and never told: as after a crash, it may be there.
    assert await new.fence(EPOCH + 2) == 3
    assert await new.append(EPOCH + 2, entries("c")) == 4


async def test_a_new_file_can_be_opened_though_somebody_is_frozen_in_it_already(
    store: SqliteStore, old: SqliteJournal, tmp_path: Path
) -> None:
    await asyncio.to_thread(old._generations.take_over, EPOCH + 1)
    frozen = Frozen(tmp_path / "toys" / f"0.{EPOCH + 1}.db")
    new = await store.open("toys", 0)
    assert await new.fence(EPOCH + 2) == 2
    frozen.wake()
    assert names(await new.read(0, 10)) == ["a", "b"]


async def test_who_is_frozen_while_making_the_first_file_neither_hinders_nor_replaces_the_next(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Path.hardlink_to

    async def meanwhile() -> None:
        other = SqliteStore(tmp_path, journal_settings())
        journal = await other.open("toys", 0)
        await journal.append(EPOCH + 1, entries("theirs"))
        await other.close()

    def late(path: Path, target: Path) -> None:
        monkeypatch.undo()
        asyncio.run(meanwhile())
        link(path, target)

    monkeypatch.setattr(Path, "hardlink_to", late)
    journal = await store.open("toys", 0)
    assert names(await journal.read(0, 10)) == ["theirs"]
    with pytest.raises(EpochFenced):
        await journal.fence(EPOCH)
    assert [path.name for path in (tmp_path / "toys").glob("*.new*")] == []


async def test_a_takeover_clears_up_after_those_that_died_while_copying(
    old: SqliteJournal, tmp_path: Path
) -> None:
    folder = tmp_path / "toys"
    for name in (f"0.{EPOCH + 1}.copy", f"0.{EPOCH + 1}.copy-journal", f"0.{EPOCH + 3}.copy", "1.8.copy"):
        (folder / name).write_bytes(b"half of it")
    await asyncio.to_thread(old._generations.take_over, EPOCH + 2)
    # A faster owner's copy stays, and another shard's.
    assert sorted(path.name for path in folder.glob("*.copy*")) == [f"0.{EPOCH + 3}.copy", "1.8.copy"]


@pytest.mark.usefixtures("old")
async def test_a_takeover_that_fails_leaves_no_copy_behind(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        if path.suffix == ".copy":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sqlite_generations, "sync", full)
    frozen = Frozen(tmp_path / "toys" / "0.db")
    new = await store.open("toys", 0)
    with pytest.raises(JournalUnavailable, match="No space left"):
        await new.fence(EPOCH + 1)
    frozen.wake()
    assert list((tmp_path / "toys").glob("*.copy*")) == []


async def test_a_slow_takeover_that_a_faster_one_overtook_is_refused(
    store: SqliteStore, old: SqliteJournal
) -> None:
    slow, fast = await store.open("toys", 0), await store.open("toys", 0)
    await asyncio.to_thread(fast._generations.take_over, EPOCH + 2)
    with pytest.raises(EpochFenced):
        await asyncio.to_thread(slow._generations.take_over, EPOCH + 1)
    again = await store.open("toys", 0)
    assert await again.append(EPOCH + 2, entries("c")) == 3
    with pytest.raises(EpochFenced):
        await old.append(EPOCH, entries("late"))


@pytest.mark.parametrize("turn", range(8))
async def test_no_acknowledged_record_is_missing_however_takeover_and_commits_interleave(
    store: SqliteStore, old: SqliteJournal, turn: int
) -> None:
    told: dict[int, str] = {}
    enough = asyncio.Event()

    async def write() -> None:
        with suppress(EpochFenced, JournalUnavailable):
            for number in range(10_000):
                seq = await old.append(EPOCH, entries(str(number)))
                told[seq] = str(number)
                if number == turn:
                    enough.set()

    writing = asyncio.create_task(write())
    await enough.wait()
    first, second = await store.open("toys", 0), await store.open("toys", 0)
    await asyncio.gather(
        asyncio.to_thread(first._generations.take_over, EPOCH + 1),
        asyncio.to_thread(second._generations.take_over, EPOCH + 2),
        return_exceptions=True,
    )
    new = await store.open("toys", 0)
    last = await new.fence(EPOCH + 3)
    await writing
    found = dict(enumerate(names(await new.read(0, 20_000)), start=1))
    assert told.items() <= found.items()
    assert last == len(found)

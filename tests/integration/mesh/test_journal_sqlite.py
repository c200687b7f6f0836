"""What only a file can suffer: killed writers, torn logs, full disks, locks held by others."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from services.mesh.journal.metrics import FULL_SYNC
from services.mesh.journal.port import Entry, JournalUnavailable, Record, Snapshot
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.journal.sqlite_file import _AT_ONCE_MAX, SqliteFile
from services.mesh.journal.store import store_from_url
from tests.integration.mesh.journal_adapters import EPOCH, entries, journal_settings, names

WAL_HEADER_BYTES = 32


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path, journal_settings(journal_busy_ms=50))
    yield store
    await store.close()


async def test_a_killed_writer_leaves_all_that_was_acknowledged_and_no_half_call(tmp_path: Path) -> None:
    acknowledged = await _append_until_killed(tmp_path, epoch=EPOCH, calls_min=150)
    store = SqliteStore(tmp_path, journal_settings())
    journal = await store.open("toys", 0)
    last = await journal.fence(EPOCH + 1)
    payloads = names(await journal.read(0, 1_000_000))
    await store.close()
    assert len(payloads) == last
    for call, end in acknowledged.items():
        size = call % 4 + 1
        assert payloads[end - size : end] == [f"{call}:{part}/{size}" for part in range(size)]
    _assert_whole_calls(payloads)


@pytest.mark.parametrize("attempt", range(3))
async def test_a_frozen_writer_does_not_hold_anyone_up_and_is_refused_when_it_wakes(
    tmp_path: Path, attempt: int
) -> None:
    # Where in its work it is frozen is chance: between commits, or inside one with the lock in its hands.
    child = await _start_child(tmp_path, EPOCH)
    assert child.stdout is not None
    for _ in range(20 + attempt):
        await child.stdout.readline()
    store = SqliteStore(tmp_path, journal_settings(journal_takeover_ms=100))
    child.send_signal(signal.SIGSTOP)
    try:
        journal = await store.open("toys", 0)
        last = await journal.fence(EPOCH + 1)
        assert await journal.append(EPOCH + 1, entries("theirs")) == last + 1
    finally:
        child.send_signal(signal.SIGCONT)
    # It ends by itself, because its next append raises EpochFenced.
    told, complaint = await asyncio.wait_for(child.communicate(), 20)
    assert b"EpochFenced" in complaint
    assert all(int(line.split()[1]) <= last for line in told.splitlines())
    assert await journal.last_seq() == last + 1
    await store.close()


async def test_a_torn_log_shows_whole_calls_only(tmp_path: Path) -> None:
    folder = tmp_path / "written"
    await _append_until_killed(folder, epoch=EPOCH, calls_min=40)
    size = (folder / "toys" / "0.db-wal").stat().st_size
    seen = set()
    for number, cut in enumerate(range(WAL_HEADER_BYTES, size, max(1, size // 12))):
        torn = tmp_path / f"torn-{number}"
        _copy(folder, torn)
        with (torn / "toys" / "0.db-wal").open("r+b") as log:
            log.truncate(cut + 100)
        seen.add(len(await _whole_calls(torn)))
    assert len(seen) > 3


async def test_a_corrupted_log_shows_whole_calls_up_to_the_corruption(tmp_path: Path) -> None:
    folder = tmp_path / "written"
    await _append_until_killed(folder, epoch=EPOCH, calls_min=40)
    whole = await _whole_calls(_copy(folder, tmp_path / "copy"))
    log = folder / "toys" / "0.db-wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 0xFF
    log.write_bytes(content)
    left = await _whole_calls(folder)
    assert len(left) < len(whole)
    assert left == whole[: len(left)]


async def test_a_full_disk_fails_every_waiter_and_shows_nothing(store: SqliteStore) -> None:
    journal = await store.open("toys", 0)
    await journal.fence(EPOCH)
    await journal.append(EPOCH, entries("kept"))
    assert journal._write_file is not None
    connection = journal._write_file._connection
    await journal._in_writer(lambda: connection.execute("PRAGMA max_page_count = 1").fetchall())
    large = "x" * 200_000
    outcomes = await asyncio.gather(
        *(journal.append(EPOCH, entries(large, str(n))) for n in range(5)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [JournalUnavailable] * 5
    assert len({id(outcome) for outcome in outcomes}) == 5
    assert names(await journal.read(0, 100)) == ["kept"]
    await journal._in_writer(lambda: connection.execute("PRAGMA max_page_count = 1000000").fetchall())
    assert await journal.append(EPOCH, entries("again")) == 2


async def test_a_lock_that_another_process_holds_is_an_error_after_the_time_to_wait(
    store: SqliteStore, tmp_path: Path
) -> None:
    journal = await store.open("toys", 0)
    await journal.fence(EPOCH)
    holder = sqlite3.connect(tmp_path / "toys" / "0.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable, match="locked"):
        await journal.append(EPOCH, entries("late"))
    assert await journal.read(0, 10) == []
    holder.execute("ROLLBACK")
    holder.close()
    assert await journal.append(EPOCH, entries("kept")) == 1


async def test_commits_are_synced(store: SqliteStore) -> None:
    journal = await store.open("toys", 0)
    assert journal._write_file is not None
    connection = journal._write_file._connection

    def pragmas() -> list[object]:
        names = ("journal_mode", "synchronous")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    full = 2
    assert await journal._in_writer(pragmas) == ["wal", full]
    assert FULL_SYNC.labels("toys")._value.get() == 1
    await journal.close()
    assert FULL_SYNC.labels("toys")._value.get() == 0


async def test_a_connection_that_would_not_sync_every_commit_is_not_used(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteFile, "syncs_fully", lambda _: False)
    with pytest.raises(JournalUnavailable, match="does not sync every commit"):
        await store.open("toys", 0)


async def test_small_and_large_groups_follow_on_each_other_without_a_gap(store: SqliteStore) -> None:
    journal = await store.open("toys", 0)
    await journal.fence(EPOCH)
    sizes = [1, _AT_ONCE_MAX, _AT_ONCE_MAX + 1, 1, 3 * _AT_ONCE_MAX, 2]
    words = [[f"{group}-{number}" for number in range(size)] for group, size in enumerate(sizes)]
    for group in words:
        await journal.append(EPOCH, entries(*group))
    records = await journal.read(0, 1_000)
    assert [record.seq for record in records] == list(range(1, sum(sizes) + 1))
    assert names(records) == [word for group in words for word in group]


async def test_two_processes_worth_of_stores_may_create_a_journal_at_once(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "new", journal_settings()) for _ in range(6)]
    journals = await asyncio.gather(*(store.open("toys", 0) for store in stores))
    assert await asyncio.gather(*(journal.fence(EPOCH) for journal in journals)) == [0] * 6
    for store in stores:
        await store.close()


async def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = SqliteStore(tmp_path / "file", journal_settings())
    with pytest.raises(JournalUnavailable, match=r"Not a directory|File exists"):
        await store.open("toys", 0)
    await store.close()


async def test_no_thread_is_left_behind(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, journal_settings())
    journal = await store.open("toys", 0)
    await journal.append(EPOCH, entries("a"))
    await journal.save_snapshot(EPOCH, Snapshot(1, b""))
    await journal.read(0, 1)
    threads = [*journal._writer._threads, *store._readers._threads]
    assert threads
    await store.close()
    for thread in threads:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()


_VERSION_1 = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE records (seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, time_ms INTEGER NOT NULL,
        trace_context TEXT NOT NULL, payload BLOB NOT NULL);
    CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL);
    CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, state BLOB NOT NULL);
    INSERT INTO fence (id, epoch) VALUES (1, 7);
    INSERT INTO records VALUES (1, 7, 1000, '', CAST('old' AS BLOB));
    PRAGMA user_version = 1;
"""
"""What the first release made, with one record."""


async def test_a_file_of_the_first_release_keeps_its_records_and_takes_digests(
    store: SqliteStore, tmp_path: Path
) -> None:
    (tmp_path / "toys").mkdir()
    with closing(sqlite3.connect(tmp_path / "toys" / "0.db")) as connection:
        connection.executescript(_VERSION_1)
    journal = await store.open("toys", 0)
    assert await journal.fence(EPOCH) == 1
    await journal.append(EPOCH, [Entry(b"new", time_ms=2_000, digest=b"link")])
    assert await journal.read(0, 10) == [
        Record(1, EPOCH, b"old", 1_000),
        Record(2, EPOCH, b"new", 2_000, "", b"link"),
    ]


async def test_a_file_that_a_process_of_the_first_release_has_opened_since_is_still_right(
    store: SqliteStore, tmp_path: Path
) -> None:
    journal = await store.open("toys", 0)
    await journal.append(EPOCH, [Entry(b"new", time_ms=2_000, digest=b"link")])
    await journal.close()
    with closing(sqlite3.connect(tmp_path / "toys" / "0.db")) as connection:
        # It knows a file of another version as one that it has to make, writes what it knows, and says so.
        connection.executescript(
            "INSERT INTO records (seq, epoch, time_ms, trace_context, payload)"
            " VALUES (2, 7, 3000, '', x'00');"
            "PRAGMA user_version = 1"
        )
    journal = await store.open("toys", 0)
    assert [record.digest for record in await journal.read(0, 10)] == [b"link", b""]


async def test_a_file_of_a_newer_release_is_left_alone(store: SqliteStore, tmp_path: Path) -> None:
    journal = await store.open("toys", 0)
    await journal.append(EPOCH, entries("kept"))
    await journal.close()
    with closing(sqlite3.connect(tmp_path / "toys" / "0.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalUnavailable, match="version 99, made by a newer release"):
        await store.open("toys", 0)
    with closing(sqlite3.connect(tmp_path / "toys" / "0.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


@pytest.mark.parametrize("url", ["", "sqlite:", "mysql://x", "/tmp/folder"])  # noqa: S108 - not used
def test_an_address_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="journal's address"):
        store_from_url(url, journal_settings())


async def _start_child(folder: Path, epoch: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.mesh.journal_child",
        str(folder),
        str(epoch),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        limit=1 << 20,
    )


async def _append_until_killed(folder: Path, *, epoch: int, calls_min: int) -> dict[int, int]:
    """Kills an appending process in the middle of its work; returns the calls it had acknowledged."""
    child = await _start_child(folder, epoch)
    assert child.stdout is not None
    lines = [await asyncio.wait_for(child.stdout.readline(), 20) for _ in range(calls_min)]
    child.kill()
    rest, _ = await child.communicate()
    # The last line may be cut: what is not told was not acknowledged.
    told = (b"".join(lines) + rest).decode().rpartition("\n")[0]
    return {int(call): int(last) for call, last in (line.split() for line in told.splitlines())}


async def _whole_calls(folder: Path) -> list[str]:
    store = SqliteStore(folder, journal_settings())
    journal = await store.open("toys", 0)
    payloads = names(await journal.read(0, 1_000_000))
    await store.close()
    _assert_whole_calls(payloads)
    return payloads


def _assert_whole_calls(payloads: list[str]) -> None:
    """Every call's entries are all there and stand together."""
    position = 0
    while position < len(payloads):
        call, _, part = payloads[position].partition(":")
        size = int(part.partition("/")[2])
        assert payloads[position : position + size] == [f"{call}:{index}/{size}" for index in range(size)]
        position += size


def _copy(source: Path, target: Path) -> Path:
    # Without the shared-memory index, which a power cut would not leave either.
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*-shm"))
    return target

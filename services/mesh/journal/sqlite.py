"""Journals in SQLite files, one for each shard: `<folder>/<service>/<shard>.db`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from services.mesh.clock import SystemClock
from services.mesh.journal.group import Call, GroupCommit, Outcome
from services.mesh.journal.metrics import FULL_SYNC
from services.mesh.journal.port import Entry, JournalUnavailable, Record, Snapshot
from services.mesh.journal.sqlite_file import FileHeld, SqliteFile, sqlite_failures
from services.mesh.journal.sqlite_generations import Generations
from services.mesh.journal.tip import Tip
from services.mesh.logs import get_logger
from services.mesh.settings import MeshSettings

T = TypeVar("T")

_log = get_logger("mesh.journal")


class SqliteStore:
    """A folder of journals. Several processes may have the same folder, and even the same journal, open."""

    def __init__(self, folder: Path, settings: MeshSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._readers = ThreadPoolExecutor(settings.journal_connections_max, "journal-reader")
        self._open: set[SqliteJournal] = set()

    async def open(self, service: str, shard: int) -> SqliteJournal:
        """See `JournalStore.open`."""
        generations = Generations(self._folder / service, shard)
        journal = SqliteJournal(
            generations, f"{service}-{shard}", service, self._settings, self._readers, self._open.discard
        )
        await journal.open()
        self._open.add(journal)
        return journal

    async def close(self) -> None:
        """See `JournalStore.close`. Closes the journals that are still open, too."""
        for journal in list(self._open):
            await journal.close()
        self._readers.shutdown(wait=False)


class SqliteJournal:
    """One handle on a journal file. See `Journal` for the methods.

    Writes have a thread and a connection of their own; reads have another connection and take a thread of
    the store's pool, so that in WAL mode neither waits for the other.
    """

    def __init__(
        self,
        generations: Generations,
        name: str,
        service: str,
        settings: MeshSettings,
        readers: Executor,
        on_closed: Callable[[SqliteJournal], None],
    ) -> None:
        self._generations = generations
        self._name = name
        self._full_sync = FULL_SYNC.labels(service)
        self._settings = settings
        self._readers = readers
        self._on_closed = on_closed
        self._writer = ThreadPoolExecutor(1, f"journal-{name}")
        self._write_file: SqliteFile | None = None
        self._read_file: SqliteFile | None = None
        self._reading = asyncio.Lock()
        self._tip = Tip(SystemClock(), settings.journal_poll_ms / 1000)
        self._group = GroupCommit(service, settings, self._write)
        self._closing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Opens the file, creating it when it is new. Raises `JournalUnavailable`."""
        try:
            await self._in_writer(self._open_files)
        except BaseException:
            await self.close()
            raise

    async def fence(self, epoch: int) -> int:
        """See `Journal.fence`."""
        self._opened(self._write_file)
        try:
            last = await self._in_writer(lambda: self._fence(epoch))
        except FileHeld:
            async with self._reading:
                last = await self._in_writer(lambda: self._take_over(epoch))
            _log.warning("journal_moved_to_new_file", journal=self._name, epoch=epoch)
        self._tip.ours = True
        self._tip.reached(last)
        return last

    async def append(self, epoch: int, entries: Sequence[Entry], after_seq: int | None = None) -> int:
        """See `Journal.append`."""
        return await self._group.append(epoch, entries, after_seq)

    async def read(self, after_seq: int, limit: int) -> list[Record]:
        """See `Journal.read`."""
        return await self._in_reader(lambda file: file.read(after_seq, limit))

    async def last_seq(self) -> int:
        """See `Journal.last_seq`."""
        return await self._in_reader(lambda file: file.last_seq())

    async def wait_beyond(self, seq: int, timeout_s: float) -> bool:
        """See `Journal.wait_beyond`."""
        return await self._tip.beyond(seq, timeout_s, self.last_seq)

    async def save_snapshot(self, epoch: int, snapshot: Snapshot) -> None:
        """See `Journal.save_snapshot`."""
        file = self._opened(self._write_file)
        await self._in_writer(lambda: file.save_snapshot(epoch, snapshot))

    async def load_snapshot(self) -> Snapshot | None:
        """See `Journal.load_snapshot`."""
        return await self._in_reader(lambda file: file.load_snapshot())

    async def close(self) -> None:
        """See `Journal.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        # Shielded: whoever is cancelled while closing must not leave it half-way.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._group.close()
        async with self._reading:
            await self._in_writer(self._close_files)
        # Nothing is left to run, so this does not block.
        self._writer.shutdown()
        self._on_closed(self)

    def _open_files(self) -> None:
        self._write_file = SqliteFile(self._generations, self._settings)
        if not self._write_file.syncs_fully():
            raise JournalUnavailable("SQLite does not sync every commit here; nothing would be durable")
        self._full_sync.inc()
        self._read_file = SqliteFile(self._generations, self._settings)

    def _fence(self, epoch: int) -> int:
        return self._opened(self._write_file, still_writing=True).fence(epoch)

    def _take_over(self, epoch: int) -> int:
        # An epoch that is over must not put down a mark: it would stop the owner in office.
        self._opened(self._write_file, still_writing=True).check_epoch(epoch)
        with sqlite_failures():
            self._generations.take_over(epoch)
        self._close_files()
        self._open_files()
        return self._fence(epoch)

    def _close_files(self) -> None:
        if self._write_file is not None and self._read_file is not None:
            self._full_sync.dec()
        for file in (self._read_file, self._write_file):
            if file is not None:
                file.close()
        self._read_file = self._write_file = None

    async def _write(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        file = self._opened(self._write_file, still_writing=True)
        outcomes = await self._in_writer(lambda: file.write(calls))
        self._tip.reached(max((seq for seq in outcomes if isinstance(seq, int)), default=0))
        return outcomes

    async def _in_writer(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def _in_reader(self, work: Callable[[SqliteFile], T]) -> T:
        async with self._reading:
            file = self._opened(self._read_file)
            running = asyncio.get_running_loop().run_in_executor(self._readers, work, file)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                # The thread cannot be cancelled, and the connection is not free before it is done.
                await asyncio.wait({running})
                # Nobody is left to ask what it met.
                running.exception()
                raise

    def _opened(self, file: SqliteFile | None, *, still_writing: bool = False) -> SqliteFile:
        if file is None or (self._closing is not None and not still_writing):
            raise JournalUnavailable("the journal is closed")
        return file

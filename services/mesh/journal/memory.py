"""Journals in memory, for meshes in one process: as durable as a disk, and with crashes on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.mesh.clock import Clock, SystemClock
from services.mesh.journal.group import Call, GroupCommit, Outcome, fenced, place
from services.mesh.journal.port import Entry, JournalUnavailable, Record, Snapshot
from services.mesh.journal.tip import Tip
from services.mesh.settings import MeshSettings


class MemoryStore:
    """The "disk" of a simulated mesh: it outlives the handles that are opened on it.

    `crash` does to open handles what a power cut does to processes. `latency_s` is how long a commit takes.
    """

    def __init__(self, settings: MeshSettings, clock: Clock | None = None, *, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        self.clock: Clock = clock or SystemClock()
        self._settings = settings
        self._disks: dict[tuple[str, int], _Disk] = {}
        self._open: list[MemoryJournal] = []

    async def open(self, service: str, shard: int) -> MemoryJournal:
        """See `JournalStore.open`."""
        disk = self._disks.setdefault((service, shard), _Disk())
        journal = MemoryJournal(disk, service, self._settings, self)
        self._open = [other for other in self._open if not other.closed]
        self._open.append(journal)
        return journal

    async def close(self) -> None:
        """See `JournalStore.close`. The records stay, to be opened again."""
        for journal in self._open:
            await journal.close()
        self._open.clear()

    def shared(self) -> MemoryStore:
        """The same disk as another process sees it: that one crashes and closes on its own."""
        other = MemoryStore(self._settings, self.clock, latency_s=self.latency_s)
        other._disks = self._disks
        return other

    def crash(self, *, in_flight_survives: bool = False) -> None:
        """Kills every open handle: from now on they fail, and appends that were not acknowledged are lost.

        With `in_flight_survives`, the commit that was under way still reaches the disk, though nobody will
        be told: the other thing that a real crash can do.
        """
        for journal in self._open:
            journal.crash(in_flight_survives=in_flight_survives)
        self._open.clear()


class MemoryJournal:
    """One handle on a journal in memory. See `Journal` for the methods."""

    def __init__(self, disk: _Disk, service: str, settings: MeshSettings, store: MemoryStore) -> None:
        self.closed = False
        self._disk = disk
        self._store = store
        self._settings = settings
        self._tip = Tip(store.clock, settings.journal_poll_ms / 1000)
        self._group = GroupCommit(service, settings, self._write)
        self._writing = False
        self._in_flight_survives = False

    async def fence(self, epoch: int) -> int:
        """See `Journal.fence`."""
        self._check_open()
        if epoch < self._disk.epoch:
            raise fenced(epoch, self._disk.epoch)
        self._disk.epoch = epoch
        self._tip.ours = True
        return len(self._disk.records)

    async def append(self, epoch: int, entries: Sequence[Entry], after_seq: int | None = None) -> int:
        """See `Journal.append`."""
        return await self._group.append(epoch, entries, after_seq)

    async def read(self, after_seq: int, limit: int) -> list[Record]:
        """See `Journal.read`."""
        self._check_open()
        room = self._settings.journal_batch_bytes_max
        batch: list[Record] = []
        for record in self._disk.records[after_seq : after_seq + limit]:
            room -= len(record.payload)
            if batch and room < 0:
                break
            batch.append(record)
        return batch

    async def last_seq(self) -> int:
        """See `Journal.last_seq`."""
        self._check_open()
        return len(self._disk.records)

    async def wait_beyond(self, seq: int, timeout_s: float) -> bool:
        """See `Journal.wait_beyond`."""
        return await self._tip.beyond(seq, timeout_s, self.last_seq)

    async def save_snapshot(self, epoch: int, snapshot: Snapshot) -> None:
        """See `Journal.save_snapshot`."""
        self._check_open()
        if epoch < self._disk.epoch:
            raise fenced(epoch, self._disk.epoch)
        self._disk.epoch = epoch
        self._disk.snapshot = snapshot

    async def load_snapshot(self) -> Snapshot | None:
        """See `Journal.load_snapshot`."""
        self._check_open()
        return self._disk.snapshot

    async def close(self) -> None:
        """See `Journal.close`."""
        await self._group.close()
        self.closed = True

    def crash(self, *, in_flight_survives: bool) -> None:
        """See `MemoryStore.crash`."""
        self.closed = True
        self._in_flight_survives = in_flight_survives and self._writing

    async def _write(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        # Even at no latency the loop must turn: a commit that is done at once would hide what waits for it.
        self._writing = True
        try:
            await self._pause()
        finally:
            self._writing = False
        if self.closed and not self._in_flight_survives:
            raise JournalUnavailable("the process crashed")
        self._in_flight_survives = False
        outcomes, rows, self._disk.epoch = place(calls, self._disk.epoch, len(self._disk.records))
        self._disk.records.extend(entry.kept(seq, epoch) for seq, epoch, entry in rows)
        if self.closed:
            raise JournalUnavailable("the process crashed")
        self._tip.reached(len(self._disk.records))
        return outcomes

    async def _pause(self) -> None:
        if self._store.latency_s > 0:
            await self._store.clock.sleep(self._store.latency_s)
        else:
            await asyncio.sleep(0)

    def _check_open(self) -> None:
        if self.closed:
            raise JournalUnavailable("the journal is closed")


@dataclass(slots=True)
class _Disk:
    epoch: int = 0
    records: list[Record] = field(default_factory=list)
    snapshot: Snapshot | None = None

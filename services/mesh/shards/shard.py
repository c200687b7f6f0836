"""One owned shard: its state in memory, and the way of every decision into its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Generic

from google.protobuf.message import Message

from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.journal.chain import Chain
from services.mesh.journal.port import Entry, EpochFenced, Journal, Record, Snapshot
from services.mesh.logs import get_logger
from services.mesh.settings import MeshSettings
from services.mesh.shards.durability import Durability
from services.mesh.shards.errors import (
    JournalBroken,
    RecordTooLarge,
    ShardLost,
    ShardNotOwned,
    ShardOverloaded,
)
from services.mesh.shards.offload import Offload
from services.mesh.shards.pending import Pending, record_bytes_max
from services.mesh.shards.state import S, frozen
from services.mesh.shards.tail import Tail

_log = get_logger("mesh.shards")


class Shard(Generic[S]):
    """A shard while this instance owns it.

    Decisions are made against `state`, committed with `commit`, and answered after they are durable. The
    state runs ahead of the disk: it includes decisions whose records are still on their way. An answer that
    is read from the state must therefore wait for `settled`, or it could tell of something that never was.
    """

    def __init__(
        self,
        number: int,
        epoch: int,
        state: S,
        journal: Journal,
        *,
        seq: int,
        snapshot_seq: int,
        time_ms: int,
        chain: Chain | None = None,
        clock: Clock,
        settings: MeshSettings,
        offload: Offload,
        on_failed: Callable[[Shard[S]], None],
    ) -> None:
        self.number = number
        self.epoch = epoch
        self.state = state
        self.failure: Exception | None = None
        """Why the shard is lost, None while all is well."""
        self.closed = asyncio.Event()
        """Set once the shard accepts nothing more: given, lost, or failed."""
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._offload = offload
        self._on_failed = on_failed
        self._seq = seq
        self._time_ms = time_ms
        self._chain = chain
        self._durability = Durability(seq)
        self._tail = Tail(settings.shard_tail_records_max, settings.shard_tail_bytes_max)
        self._pending = Pending(settings)
        self._snapshot_seq = snapshot_seq
        self._snapshot_due = asyncio.Event()
        self._snapshot_wanted = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pipeline = [
            self._start(self._write_forever(), "journal"),
            self._start(self._snapshot_forever(), "snapshots"),
        ]

    @property
    def seq(self) -> int:
        """The last decision: what `state` includes."""
        return self._seq

    @property
    def digest(self) -> bytes:
        """The digest of the last decision, which stands for all before it; empty without a hash chain."""
        return b"" if self._chain is None else self._chain.digest

    @property
    def durable_seq(self) -> int:
        """The last decision that survives a crash."""
        return self._durability.seq

    def commit(self, event: Message, trace_context: str = "") -> Awaitable[int]:
        """Applies an event to the state at once and sends it to the journal.

        Returns what to await before anyone is told: it yields the record's sequence number when that is
        durable, and raises `ShardLost` when it never will be. Awaiting is optional (see `settled`).

        Raises, before anything is done: `ShardNotOwned` after the shard was given or lost, `ShardLost`
        after its journal failed, `ShardOverloaded` when too much waits for the disk, `RecordTooLarge`.
        """
        payload = event.SerializeToString()
        self._check_room(len(payload))
        # Wall time may jump back; a journal's times do not.
        self._time_ms = max(self._time_ms, self._clock.now_ms())
        seq = self._seq + 1
        self._apply(seq, event)
        self._seq = seq
        digest = b"" if self._chain is None else self._chain.extended(self._time_ms, payload)
        self._pending.add(Entry(payload, self._time_ms, trace_context, digest))
        if seq - self._snapshot_seq >= self._settings.snapshot_every_records:
            self._snapshot_due.set()
        return self._durability.of(seq)

    async def settled(self) -> None:
        """Waits until everything decided so far is durable. Raises `ShardLost` when it will not be."""
        await self._durability.of(self._seq)

    async def read(self, after_seq: int, limit: int) -> list[Record]:
        """Durable records above `after_seq`, `limit` or fewer. Raises as `commit` does once closed.

        Recent records come from memory, older ones from the journal.
        """
        self.check_open()
        if after_seq >= self.durable_seq:
            return []
        recent = self._tail.read(after_seq, limit)
        if recent is not None:
            return recent
        # The file may hold more: a commit whose fence has not been checked yet, and that may not count.
        return await self._journal.read(after_seq, min(limit, self.durable_seq - after_seq))

    async def wait_beyond(self, seq: int, timeout_s: float) -> bool:
        """Waits until a record above `seq` is durable; False when the time passed or the shard was closed."""
        return await self._durability.beyond(seq, timeout_s, self._clock)

    async def rest(self, seconds: float) -> None:
        """Lets time pass, by the clock of the shard."""
        await self._clock.sleep(seconds)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Runs a background task that lives no longer than the shard is owned.

        It is cancelled, and awaited, when the shard is given or lost. If it raises, the shard is given up.
        Raises `ShardOverloaded` beyond `shard_tasks_max`, and as `commit` does once the shard is closed.
        """
        try:
            self.check_open()
            if len(self._tasks) >= self._settings.shard_tasks_max:
                raise ShardOverloaded(
                    f"shard {self.number} runs too many tasks", shard=self.number, limit="shard_tasks_max"
                )
        except ServiceError:
            work.close()
            raise
        task = self._start(work, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def snapshot_soon(self) -> None:
        """Has a snapshot made without waiting for enough records: folding one of them takes long."""
        self._snapshot_wanted = True
        self._snapshot_due.set()

    def check_open(self) -> None:
        """Raises `ShardLost` after a failure, `ShardNotOwned` after the shard was given or lost."""
        if self.failure is not None:
            raise self._lost()
        if self.closed.is_set():
            raise ShardNotOwned(f"shard {self.number} is not held here any more", shard=self.number)

    async def hand_over(self, *, keeps_snapshot: bool = True) -> None:
        """Accepts nothing more, makes everything durable, keeps a snapshot, lets go of the journal.

        For the host's planned handoff. Raises `ShardLost` when the journal fails meanwhile; the journal is
        closed in any case.
        """
        self.closed.set()
        try:
            await self._stop(self._tasks)
            await self.settled()
            failpoint("handoff.flushed")
            if keeps_snapshot and self._seq > self._snapshot_seq:
                await self._journal.save_snapshot(self.epoch, await self._snapshot())
        finally:
            await self.abandon()

    async def abandon(self) -> None:
        """Stops at once and lets go of the journal; what is not durable yet fails. Idempotent."""
        self.closed.set()
        self._durability.broke(self._lost)
        self._pending.clear()
        try:
            await self._stop([*self._tasks, *self._pipeline])
        finally:
            await self._journal.close()

    def _check_room(self, size: int) -> None:
        if self.closed.is_set():
            self.check_open()
        limit = record_bytes_max(self._settings)
        if size > limit:
            raise RecordTooLarge("an event is too large to be sent on", bytes=size, bytes_max=limit)
        if (full := self._pending.full(size)) is not None:
            raise ShardOverloaded(f"shard {self.number} waits for its disk", shard=self.number, limit=full)

    def _apply(self, seq: int, event: Message) -> None:
        try:
            self.state.apply(seq, self._time_ms, event)
        except Exception as error:
            # Half of the event may be in the state now: only a rebuild from the journal can be trusted.
            self._fail(error)
            raise

    async def _write_forever(self) -> None:
        while True:
            chunk = await self._pending.next_chunk()
            self._written(chunk, await self._journal.append(self.epoch, chunk, self.durable_seq))

    def _written(self, chunk: list[Entry], last: int) -> None:
        first = self.durable_seq + 1
        if last != first + len(chunk) - 1:
            raise JournalBroken(
                f"shard {self.number} expected its records to end at {first + len(chunk) - 1}, not {last}",
                shard=self.number,
            )
        self._pending.written(chunk)
        self._tail.extend(entry.kept(seq, self.epoch) for seq, entry in enumerate(chunk, start=first))
        self._durability.reached(last)

    async def _snapshot_forever(self) -> None:
        while True:
            await self._snapshot_due.wait()
            self._snapshot_due.clear()
            is_long = self._seq - self._snapshot_seq >= self._settings.snapshot_every_records
            if not is_long and not self._snapshot_wanted:
                continue
            self._snapshot_wanted = False
            snapshot = await self._snapshot()
            seq = snapshot.seq
            await self._durability.of(seq)
            try:
                await self._journal.save_snapshot(self.epoch, snapshot)
            except EpochFenced:
                raise
            except ServiceError as error:
                # The journal has everything that a snapshot has: the next one is soon enough.
                _log.warning("snapshot_not_saved", shard=self.number, seq=seq, error=str(error))
            failpoint("snapshot.saved")
            self._snapshot_seq = seq

    async def _snapshot(self) -> Snapshot:
        """The state as it is now, written out beside the loop where it can be."""
        seq, write_out = self._seq, frozen(self.state)
        return Snapshot(
            seq, self.state.snapshot() if write_out is None else await self._offload.run(write_out)
        )

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = start_background(self._guarded(work), f"shard {self.number}: {name}")
        # A task that is cancelled before its first step would leave the coroutine inside it dangling.
        task.add_done_callback(lambda _: work.close())
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it was, the shard cannot go on; it is reported
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Gives the shard up: nothing more is accepted, and what is on its way is not acknowledged."""
        if self.failure is not None:
            return
        # A typed error says all in one line; anything else is a bug, and its place is wanted.
        where = None if isinstance(error, ServiceError) else error
        _log.warning("shard_failed", shard=self.number, epoch=self.epoch, error=str(error), exc_info=where)
        self.failure = error
        handed_over = self.closed.is_set()
        self.closed.set()
        self._durability.broke(self._lost)
        if not handed_over:
            self._on_failed(self)

    def _lost(self) -> ServiceError:
        error = ShardLost(f"shard {self.number} was lost", shard=self.number, epoch=self.epoch)
        error.__cause__ = self.failure
        return error

    async def _stop(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        others = [task for task in tasks if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

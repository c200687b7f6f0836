"""Group commit: while one transaction waits for the disk, the next one fills up."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.mesh.failpoints import failpoint
from services.mesh.journal.metrics import COMMIT_SECONDS, ENTRIES, FAILURES
from services.mesh.journal.port import Entry, EpochFenced, JournalFull, JournalUnavailable
from services.mesh.settings import MeshSettings


@dataclass(frozen=True, slots=True)
class Call:
    """One append: entries that are kept together or not at all."""

    epoch: int
    entries: Sequence[Entry]
    bytes: int
    after_seq: int | None = None
    """The record that they must follow on, if it matters."""


Outcome = int | EpochFenced
"""Sequence number of a call's last entry, or the refusal of that one call."""
Write = Callable[[Sequence[Call]], Awaitable[Sequence[Outcome]]]
"""Keeps all calls in one transaction and gives each its outcome, or raises `JournalUnavailable` for all."""


class GroupCommit:
    """Collects appends and hands everything that waits to one transaction, one transaction at a time."""

    def __init__(self, service: str, settings: MeshSettings, write: Write) -> None:
        self._service = service
        self._settings = settings
        self._write = write
        self._waiting: deque[tuple[Call, asyncio.Future[int]]] = deque()
        self._entries = 0
        self._bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    async def append(self, epoch: int, entries: Sequence[Entry], after_seq: int | None = None) -> int:
        """See `Journal.append`."""
        if not entries:
            raise ValueError("an append needs at least one entry")
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        call = Call(epoch, entries, sum(len(entry.payload) for entry in entries), after_seq)
        if self._waiting and (limit := self._full(call)) is not None:
            raise JournalFull("too many entries wait for the disk", limit=limit)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, done))
        self._entries += len(entries)
        self._bytes += call.bytes
        if self._writer is None:
            # An empty context: the commit of many must not run under the trace or deadline of one.
            self._writer = asyncio.create_task(self._write_all(), context=contextvars.Context())
        return await done

    async def close(self) -> None:
        """Takes nothing more, and returns when what was taken is written or failed."""
        self._closed = True
        if self._writer is not None:
            # Shielded: whoever is cancelled while closing must not cancel a commit half-way.
            await asyncio.shield(self._writer)

    def _full(self, call: Call) -> str | None:
        """The bound that the call would break by waiting too, if any."""
        if self._entries + len(call.entries) > self._settings.journal_queue_entries_max:
            return "journal_queue_entries_max"
        if self._bytes + call.bytes > self._settings.journal_queue_bytes_max:
            return "journal_queue_bytes_max"
        return None

    async def _write_all(self) -> None:
        try:
            while group := self._next_group():
                await self._write_group(group)
        finally:
            self._writer = None

    def _next_group(self) -> list[tuple[Call, asyncio.Future[int]]]:
        """Everything that waits, within the bounds of a commit, but at least one call."""
        group: list[tuple[Call, asyncio.Future[int]]] = []
        entries, size = 0, 0
        while self._waiting:
            call, done = self._waiting[0]
            entries += len(call.entries)
            size += call.bytes
            if group and (
                entries > self._settings.journal_batch_entries_max
                or size > self._settings.journal_batch_bytes_max
            ):
                break
            self._waiting.popleft()
            self._entries -= len(call.entries)
            self._bytes -= call.bytes
            if not done.cancelled():
                group.append((call, done))
        return group

    async def _write_group(self, group: Sequence[tuple[Call, asyncio.Future[int]]]) -> None:
        begun_s = time.perf_counter()
        failpoint("journal.appending")
        try:
            outcomes = await self._write([call for call, _ in group])
        except Exception as error:  # noqa: BLE001 - every waiter must hear of it, whatever it was
            FAILURES.labels(self._service).inc()
            for _, done in group:
                if not done.done():
                    done.set_exception(_unavailable(error))
            return
        failpoint("journal.appended")
        COMMIT_SECONDS.labels(self._service).observe(time.perf_counter() - begun_s)
        ENTRIES.labels(self._service).inc(
            sum(
                len(call.entries)
                for (call, _), outcome in zip(group, outcomes, strict=True)
                if isinstance(outcome, int)
            )
        )
        for (_, done), outcome in zip(group, outcomes, strict=True):
            if done.done():
                continue
            if isinstance(outcome, int):
                done.set_result(outcome)
            else:
                done.set_exception(outcome)


def place(
    calls: Sequence[Call], epoch: int, last_seq: int
) -> tuple[list[Outcome], list[tuple[int, int, Entry]], int]:
    """Decides what a transaction keeps, given the journal's epoch and end.

    Returns each call's outcome, what to insert as (seq, epoch, entry), and the journal's epoch from then on:
    an append with a higher epoch presents it, as `fence` would.
    """
    outcomes: list[Outcome] = []
    rows: list[tuple[int, int, Entry]] = []
    for call in calls:
        if call.epoch < epoch:
            outcomes.append(fenced(call.epoch, epoch))
            continue
        if call.after_seq is not None and call.after_seq != last_seq:
            outcomes.append(_overtaken(call.epoch, call.after_seq, last_seq))
            continue
        epoch = call.epoch
        rows.extend((seq, epoch, entry) for seq, entry in enumerate(call.entries, start=last_seq + 1))
        last_seq += len(call.entries)
        outcomes.append(last_seq)
    return outcomes, rows, epoch


def fenced(epoch: int, highest: int) -> EpochFenced:
    """The refusal of a write under an epoch that is over."""
    return EpochFenced(f"epoch {epoch} is over: {highest} was presented", epoch=epoch, seen_epoch=highest)


def _overtaken(epoch: int, after_seq: int, last_seq: int) -> EpochFenced:
    return EpochFenced(
        f"someone else wrote under epoch {epoch}: the journal ends at {last_seq}, not {after_seq}",
        epoch=epoch,
        seen_epoch=epoch,
    )


def _unavailable(error: Exception) -> JournalUnavailable:
    # One for each waiter: an exception that is raised in several tasks would collect all their tracebacks.
    failure = JournalUnavailable(str(error) if not isinstance(error, JournalUnavailable) else error.message)
    failure.__cause__ = error
    return failure

"""The journal port: what a shard's durable record looks like to the code above it.

A journal belongs to one shard of one service. It is an append-only sequence of records, numbered from 1
without gaps. A record becomes visible whole or not at all, and only from the holder of the highest epoch
that was ever presented: an owner that was paused and woke up late is refused by the store itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.mesh.errors import ErrorKind, ServiceError


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that is about to be appended."""

    payload: bytes
    """A serialised protobuf message of the owning service's `events.proto`."""
    time_ms: int
    """Wall time of the decision, milliseconds since the Unix epoch."""
    trace_context: str = ""
    """W3C traceparent of the request that caused it, or empty when that was not sampled."""
    digest: bytes = b""
    """Its place in the shard's hash chain (see `chain.py`); empty where a service keeps no chain."""

    def kept(self, seq: int, epoch: int) -> Record:
        """The record that it becomes."""
        return Record(seq, epoch, self.payload, self.time_ms, self.trace_context, self.digest)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the journal keeps it."""

    seq: int
    """Position in the shard's journal, from 1, without gaps."""
    epoch: int
    """Epoch of the owner that wrote it."""
    payload: bytes
    time_ms: int
    trace_context: str = ""
    digest: bytes = b""
    """As its `Entry` carried it; empty also in records from before there was a chain."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State as of a record, so that recovery need not start from the first one."""

    seq: int
    """The last record that the state includes."""
    state: bytes


class EpochFenced(ServiceError):
    """Someone else owns the shard now: a write carried an epoch below the one that the store has seen.

    Or, under an equal epoch, someone else has written what the writer does not know.
    """

    kind = ErrorKind.PRECONDITION
    reason = "EPOCH_FENCED"


class JournalUnavailable(ServiceError):
    """The store could not be reached, or could not write: disk full, file locked, connection lost, closed.

    Nothing of the call was acknowledged. Whether it was kept must be read from the journal, by whoever
    fences it next.
    """

    kind = ErrorKind.UNAVAILABLE
    reason = "JOURNAL_UNAVAILABLE"
    retry_delay_ms = 200


class JournalFull(ServiceError):
    """More entries wait for a commit than settings allow. Nothing was kept; try again a little later."""

    kind = ErrorKind.EXHAUSTED
    reason = "OVERLOADED"
    retry_delay_ms = 50


class Journal(Protocol):
    """One shard's journal, opened by its owner or by a reader.

    Every method that writes raises `EpochFenced` when a higher epoch has been presented, and then has
    written nothing. Methods may be called concurrently from one event loop.
    """

    async def fence(self, epoch: int) -> int:
        """Presents an epoch; from then on lower ones are refused. Returns the last sequence number (0: none).

        Presenting the same epoch again is allowed; a lower one raises `EpochFenced`.
        """
        ...

    async def append(self, epoch: int, entries: Sequence[Entry], after_seq: int | None = None) -> int:
        """Appends entries in order, durable on return; returns the sequence number of the last one.

        Concurrent calls are grouped into one commit. Either all entries of a call are kept or none. Raises
        `JournalFull` when too much waits already, and `JournalUnavailable` when the store failed. A call
        that is cancelled may have been kept.

        With `after_seq` the entries are kept only if they follow on that record, and `EpochFenced` is raised
        if somebody else has written since: a decision that was made without it is no decision.
        """
        ...

    async def read(self, after_seq: int, limit: int) -> list[Record]:
        """Reads at most `limit` durable records with numbers above `after_seq`, in order.

        Fewer come back at the end of the journal, and where records are so large that a full batch would
        not be good for memory; there is always at least one if there is any.
        """
        ...

    async def last_seq(self) -> int:
        """The sequence number of the last durable record, 0 when there is none."""
        ...

    async def wait_beyond(self, seq: int, timeout_s: float) -> bool:
        """Waits until a record above `seq` is durable; False when the time passed without one."""
        ...

    async def save_snapshot(self, epoch: int, snapshot: Snapshot) -> None:
        """Keeps a snapshot, replacing an older one. The journal's records stay: they are the feed."""
        ...

    async def load_snapshot(self) -> Snapshot | None:
        """The newest snapshot, if any."""
        ...

    async def close(self) -> None:
        """Finishes what was begun and lets go of files and connections. Idempotent."""
        ...


class JournalStore(Protocol):
    """Where journals are kept: a folder of SQLite files, or PostgreSQL databases."""

    async def open(self, service: str, shard: int) -> Journal:
        """Opens a shard's journal, creating it when it is new."""
        ...

    async def close(self) -> None:
        """Lets go of everything shared between journals."""
        ...

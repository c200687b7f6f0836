"""The feed's ports: what is read, where it comes from, and where it takes effect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import Message

from services.mesh.errors import ErrorKind, ServiceError


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """One record of another service's shard, as its consumer sees it."""

    seq: int
    """Position in the source's journal, from 1, without gaps."""
    time_ms: int
    """Wall time of the decision, milliseconds since the Unix epoch."""
    trace_context: str
    """W3C traceparent of the request that caused it, or empty when that was not sampled."""
    event: Message
    """A message of the source's `events.proto`."""


class FeedSource(Protocol):
    """One shard's feed, wherever its owner is."""

    @property
    def name(self) -> str:
        """`<service>/<shard>`, such as "allocation/3": the consumer's cursor is kept under it."""
        ...

    def open(self, after_seq: int) -> AsyncIterator[Sequence[FeedRecord]]:
        """Streams batches of records above `after_seq`, live, until the shard moves or the stream breaks.

        Raises `ServiceError` in iteration. The consumer opens it again at its cursor.
        """
        ...


class FeedSink(Protocol):
    """Where records take effect. Effect and cursor are kept by one and the same transaction."""

    async def cursor(self, source: str) -> int:
        """The last record of the source whose effect is kept, 0 for none."""
        ...

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        """Keeps the effect of the records and moves the cursor to the last of them, or does neither.

        `records` begin right after the cursor and have no gaps. Raising means that the caller does not know
        whether it was kept; the consumer then asks `cursor` again before it goes on.
        """
        ...


class FeedGap(ServiceError):
    """A feed skipped or repeated records. They are not applied; the feed is read again from the cursor.

    Metadata: `source`, `expected`, `got`.
    """

    kind = ErrorKind.DATA_LOSS
    reason = "FEED_GAP"


class CursorAhead(ServiceError):
    """A consumer has seen more than the journal holds: records that were durable are gone.

    Metadata: `shard`, `after_seq`, `last_seq`.
    """

    kind = ErrorKind.DATA_LOSS
    reason = "CURSOR_AHEAD"

"""A feed that is read over a contract's `ReadEvents`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.mesh.feed.port import FeedRecord


@dataclass(frozen=True, slots=True)
class RpcFeedSource:
    """Reads one shard's feed through a function that opens the call.

    All services' `ReadEventsResponse` look alike, so one source serves them all.
    """

    name: str
    """`<service>/<shard>`."""
    call: Callable[[int], AsyncIterator[Any]]
    """Opens `ReadEvents` after a record at the shard's owner, and yields its responses."""

    async def open(self, after_seq: int) -> AsyncIterator[Sequence[FeedRecord]]:
        """See `FeedSource.open`."""
        async for response in self.call(after_seq):
            yield [
                FeedRecord(
                    seq=record.seq,
                    time_ms=record.time.seconds * 1000 + record.time.nanos // 1_000_000,
                    trace_context=record.trace_context,
                    event=record.event,
                )
                for record in response.records
            ]

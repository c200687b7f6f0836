"""The producing side of a feed: a live tail of an owned shard's journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from services.mesh.feed.port import CursorAhead
from services.mesh.journal.port import Record
from services.mesh.settings import MeshSettings
from services.mesh.shards.host import Shard, ShardHost

ResponseT = TypeVar("ResponseT", bound=Message)

_ENVELOPE_BYTES = 48
"""What the contract's FeedRecord adds around payload and trace context, at most: tags, lengths, seq, time."""


class ReadEventsRequest(Protocol):
    """What the `ReadEventsRequest` of every service has in common."""

    @property
    def shard(self) -> int:
        """Number of the shard."""
        ...

    @property
    def after_seq(self) -> int:
        """The caller's cursor."""
        ...

    @property
    def batch_records(self) -> int:
        """Most records a message, 0 for the server's choice."""
        ...


async def stream_events(
    host: ShardHost[Any],
    request: ReadEventsRequest,
    response_type: type[ResponseT],
    settings: MeshSettings,
    *,
    conceal: Callable[[Any], None] | None = None,
) -> AsyncIterator[ResponseT]:
    """Answers a service's `ReadEvents` with its own `ReadEventsResponse`.

    `conceal` is called with each event before it is sent, to take out what readers must not see.

    Raises `ShardNotOwned`, at once or when the shard moves, and `CursorAhead`.
    """
    shard = host.owned(request.shard)
    async for batch in read_feed(shard, request.after_seq, request.batch_records, settings):
        yield _response(response_type, batch, conceal)


async def read_feed(
    shard: Shard[Any], after_seq: int, batch_records: int, settings: MeshSettings
) -> AsyncIterator[Sequence[Record]]:
    """Yields durable records above `after_seq` in batches, then waits for more, without end.

    A batch has at most `batch_records` records (0: as settings say, which is also the upper bound) and fits
    into one message. When nothing is left, records gather for `feed_pause_ms`: the first record after a quiet
    while is sent at once, those of a steady stream together, and a backlog without a pause.

    Raises `ShardNotOwned` or `ShardLost` once the shard is not held any more, and `CursorAhead` when the
    caller has seen records that do not exist.
    """
    shard.check_open()
    check_cursor(shard.number, after_seq, shard.durable_seq)
    limit = batch_limit(batch_records, settings.feed_batch_records)
    # A record is at most half a message, so one more on top of a batch just below half still fits.
    bytes_max = settings.message_bytes_max // 2
    while True:
        records = await shard.read(after_seq, limit)
        for batch in _within(records, bytes_max):
            yield batch
            after_seq = batch[-1].seq
        if not records:
            await shard.wait_beyond(after_seq, settings.feed_poll_ms / 1000)
        elif after_seq >= shard.durable_seq and settings.feed_pause_ms:
            # One record costs its reader as much as fifty at once: a message, a commit, turns of the loop.
            await shard.rest(settings.feed_pause_ms / 1000)


def _within(records: Sequence[Record], bytes_max: int) -> Iterator[Sequence[Record]]:
    """Cuts records into runs of at most `bytes_max` on the wire, and at least one record."""
    start, room = 0, bytes_max
    for index, record in enumerate(records):
        size = len(record.payload) + len(record.trace_context) + _ENVELOPE_BYTES
        if size > room and index > start:
            yield records[start:index]
            start, room = index, bytes_max
        room -= size
    if start < len(records):
        yield records[start:]


def _response(
    response_type: type[ResponseT], batch: Sequence[Record], conceal: Callable[[Any], None] | None
) -> ResponseT:
    response = response_type()
    records: Any = response.records  # type: ignore[attr-defined]  # every service's response has the field
    for record in batch:
        item = records.add(seq=record.seq, trace_context=record.trace_context)
        item.time.FromMilliseconds(record.time_ms)
        item.event.ParseFromString(record.payload)
        if conceal is not None:
            conceal(item.event)
    return response


def check_cursor(shard: int, after_seq: int, last_seq: int) -> None:
    """Raises `CursorAhead` for a reader that has seen records above `last_seq`, which is the last one."""
    if after_seq > last_seq:
        raise CursorAhead(
            f"record {after_seq} of shard {shard} was seen, but it ends at {last_seq}",
            shard=shard,
            after_seq=after_seq,
            last_seq=last_seq,
        )


def batch_limit(asked_records: int, records_max: int) -> int:
    """The most records of one message: what the reader asks for, if that may be; 0 leaves it open."""
    return min(asked_records, records_max) if asked_records > 0 else records_max

"""What readers of settlement's feed are sent: everything, or what is on its way to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from hongbao.settlement.v1 import settlement_pb2 as pb
from hongbao.settlement.v1.events_pb2 import SettlementEvent
from services.mesh.journal.port import Record
from services.settlement.domain.arrivals import onward_only

_EMPTY_BYTES = 32
"""A record without content takes less, with its number, its time and what stands around."""


async def whole_messages(batches: AsyncIterator[Sequence[Record]]) -> AsyncIterator[pb.ReadEventsResponse]:
    """A message for each batch, with all of its events."""
    async for batch in batches:
        response = pb.ReadEventsResponse()
        for record in batch:
            item = response.records.add(seq=record.seq, trace_context=record.trace_context)
            item.time.FromMilliseconds(record.time_ms)
            item.event.ParseFromString(record.payload)
        yield response


async def onward_messages(
    batches: AsyncIterator[Sequence[Record]], shard: int, records_max: int, empty_bytes_max: int
) -> AsyncIterator[pb.ReadEventsResponse]:
    """Messages with the transfers that are onward to a shard, in events that are empty otherwise.

    Nearly all events have none: they wait for the next one that has, or until there are `records_max` of
    them, or more than `empty_bytes_max` with what is around them. Otherwise every event would wake up the
    readers of all other shards, and for nothing.
    """
    held_max = min(records_max, max(1, empty_bytes_max // _EMPTY_BYTES))
    response, has_content = pb.ReadEventsResponse(), False
    async for batch in batches:
        for number, record in enumerate(batch, start=1):
            item = response.records.add(seq=record.seq)
            item.time.FromMilliseconds(record.time_ms)
            # Not read into the response: its memory would keep all of the event until it is sent.
            item.event.CopyFrom(onward_only(SettlementEvent.FromString(record.payload), shard))
            # A reader for whom a record has nothing is no step of its trace.
            if item.event.transfers:
                item.trace_context = record.trace_context
                has_content = True
            is_full = len(response.records) >= (records_max if has_content else held_max)
            if is_full or (has_content and number == len(batch)):
                yield response
                response, has_content = pb.ReadEventsResponse(), False

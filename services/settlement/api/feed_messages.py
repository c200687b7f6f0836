"""What readers of settlement's feed are sent: everything, or what is on its way to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from hongbao.settlement.v1 import settlement_pb2 as pb
from services.mesh.journal.port import Record
from services.settlement.domain.arrivals import onward_only


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
    batches: AsyncIterator[Sequence[Record]], shard: int, records_max: int
) -> AsyncIterator[pb.ReadEventsResponse]:
    """Messages with the transfers that are onward to a shard, in events that are empty otherwise.

    Nearly all events have none: they wait for the next one that has, or until there are `records_max` of
    them. Otherwise every event would wake up the readers of all other shards, and for nothing.
    """
    response, has_content = pb.ReadEventsResponse(), False
    async for batch in batches:
        for number, record in enumerate(batch, start=1):
            item = response.records.add(seq=record.seq)
            item.time.FromMilliseconds(record.time_ms)
            item.event.ParseFromString(record.payload)
            item.event.CopyFrom(onward_only(item.event, shard))
            # A reader for whom a record has nothing is no step of its trace.
            if item.event.transfers:
                item.trace_context = record.trace_context
                has_content = True
            if len(response.records) >= records_max or (has_content and number == len(batch)):
                yield response
                response, has_content = pb.ReadEventsResponse(), False

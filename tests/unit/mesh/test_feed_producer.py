from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from hongbao.allocation.v1 import allocation_pb2, events_pb2
from services.mesh.clock import ManualClock
from services.mesh.feed.port import CursorAhead, FeedRecord
from services.mesh.feed.producer import read_feed, stream_events
from services.mesh.feed.rpc import RpcFeedSource
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import Record
from services.mesh.shards.host import ShardHost, ShardLost, ShardNotOwned
from tests.unit.mesh.toys import Words, say, toy_host, toy_settings, word

KNOBS = toy_settings()
_CLOCK = ManualClock()


@pytest.fixture
async def host() -> ShardHost[Words]:
    host = toy_host(MemoryStore(KNOBS))
    await host.take(0, 1)
    return host


async def test_a_feed_begins_after_the_cursor_and_goes_on_live(host: ShardHost[Words]) -> None:
    shard = host.owned(0)
    await say(shard, "a", "b", "c")
    feed = read_feed(shard, 1, 10, KNOBS)
    assert [record.seq for record in await anext(feed)] == [2, 3]
    following = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    assert not following.done()
    await say(shard, "d")
    assert [record.seq for record in await following] == [4]


async def test_records_that_follow_closely_are_sent_together() -> None:
    clock = ManualClock()
    host = toy_host(MemoryStore(KNOBS), clock=clock)
    await host.take(0, 1)
    shard = host.owned(0)
    feed = read_feed(shard, 0, 3, toy_settings(feed_pause_ms=100))
    await say(shard, "a")
    assert [record.seq for record in await anext(feed)] == [1]
    following = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    await say(shard, "b")
    await say(shard, "c", "d", "e")
    await clock.advance(0.09)
    assert not following.done()
    await clock.advance(0.02)
    assert [record.seq for record in await following] == [2, 3, 4]
    # That one was full: what is left need not wait.
    assert [record.seq for record in await anext(feed)] == [5]


async def test_a_record_is_not_sent_before_it_is_durable(host: ShardHost[Words]) -> None:
    shard = host.owned(0)
    feed = read_feed(shard, 0, 10, KNOBS)
    following = asyncio.ensure_future(anext(feed))
    pending = shard.commit(word("a"))
    await asyncio.sleep(0)
    assert not following.done()
    await pending
    assert len(await following) == 1


@pytest.mark.parametrize(("asked", "expected"), [(2, 2), (0, 5), (1_000, 5)])
async def test_a_batch_has_at_most_what_was_asked_and_what_is_set(
    host: ShardHost[Words], asked: int, expected: int
) -> None:
    await say(host.owned(0), *"abcdefgh")
    feed = read_feed(host.owned(0), 0, asked, toy_settings(feed_batch_records=5))
    assert len(await anext(feed)) == expected


async def test_a_batch_fits_into_a_message() -> None:
    knobs = toy_settings(message_bytes_max=2_048)
    host = toy_host(MemoryStore(knobs), knobs)
    await host.take(0, 1)
    shard = host.owned(0)
    await say(shard, *("x" * 400 for _ in range(5)), "y" * 1_000, "z")
    feed = read_feed(shard, 0, 100, knobs)
    batches: list[list[Record]] = []
    while sum(map(len, batches)) < 7:
        batches.append(list(await anext(feed)))
    assert [record.seq for batch in batches for record in batch] == list(range(1, 8))
    for batch in batches:
        message = allocation_pb2.ReadEventsResponse()
        for record in batch:
            message.records.add(seq=record.seq).event.campaign_created.campaign_id = StringValue.FromString(
                record.payload
            ).value
        assert message.ByteSize() <= knobs.message_bytes_max


async def test_a_feed_ends_when_the_shard_is_given(host: ShardHost[Words]) -> None:
    following = asyncio.ensure_future(anext(read_feed(host.owned(0), 0, 10, KNOBS)))
    await asyncio.sleep(0)
    await host.give(0)
    with pytest.raises(ShardNotOwned):
        await following


async def test_a_feed_ends_when_the_shard_is_lost(host: ShardHost[Words]) -> None:
    following = asyncio.ensure_future(anext(read_feed(host.owned(0), 0, 10, KNOBS)))
    await asyncio.sleep(0)
    await host.lose(0)
    with pytest.raises(ShardNotOwned):
        await following


async def test_a_feed_ends_when_the_shard_fails(host: ShardHost[Words]) -> None:
    following = asyncio.ensure_future(anext(read_feed(host.owned(0), 0, 10, KNOBS)))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        host.owned(0).commit(word("poison"))
    with pytest.raises(ShardLost):
        await following
    await host.close()


async def test_a_cursor_beyond_the_end_is_reported_as_lost_data(host: ShardHost[Words]) -> None:
    await say(host.owned(0), "a")
    with pytest.raises(CursorAhead) as failure:
        await anext(read_feed(host.owned(0), 2, 10, KNOBS))
    assert failure.value.metadata == {"shard": "0", "after_seq": "2", "last_seq": "1"}


async def test_a_feed_crosses_the_contract_unchanged() -> None:
    host: ShardHost[_Nothing] = ShardHost(
        MemoryStore(KNOBS), "allocation", 4, events_pb2.AllocationEvent, lambda _: _Nothing(), _CLOCK, KNOBS
    )
    await host.take(3, 1)
    event = events_pb2.AllocationEvent()
    event.campaign_created.campaign_id = "spring-2016"
    trace_context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await host.owned(3).commit(event, trace_context)

    def call(after_seq: int) -> AsyncIterator[allocation_pb2.ReadEventsResponse]:
        request = allocation_pb2.ReadEventsRequest(shard=3, after_seq=after_seq)
        return stream_events(host, request, allocation_pb2.ReadEventsResponse, KNOBS)

    source = RpcFeedSource("allocation/3", call)
    assert await anext(source.open(0)) == [FeedRecord(1, _CLOCK.now_ms(), trace_context, event)]


async def test_what_readers_must_not_see_is_taken_out_on_the_way() -> None:
    host: ShardHost[_Nothing] = ShardHost(
        MemoryStore(KNOBS), "allocation", 4, events_pb2.AllocationEvent, lambda _: _Nothing(), _CLOCK, KNOBS
    )
    await host.take(0, 1)
    event = events_pb2.AllocationEvent()
    event.campaign_created.campaign_id = "secret"
    await host.owned(0).commit(event)

    def conceal(event: events_pb2.AllocationEvent) -> None:
        event.campaign_created.campaign_id = ""

    request = allocation_pb2.ReadEventsRequest(shard=0)
    response = await anext(
        stream_events(host, request, allocation_pb2.ReadEventsResponse, KNOBS, conceal=conceal)
    )
    assert response.records[0].event.campaign_created.campaign_id == ""


class _Nothing:
    def apply(self, seq: int, time_ms: int, event: object) -> None:
        """Remembers nothing."""

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        """There is nothing to take over."""

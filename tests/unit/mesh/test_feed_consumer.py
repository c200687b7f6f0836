from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given, settings, strategies
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind

from services.mesh.clock import ManualClock
from services.mesh.feed.consumer import FeedConsumer
from services.mesh.feed.metrics import LAG_SECONDS
from services.mesh.feed.port import FeedGap, FeedRecord
from services.mesh.feed.spans import spans_of
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import JournalUnavailable
from services.mesh.shards.host import ShardHost, ShardNotOwned
from services.mesh.telemetry import Telemetry, _started, traceparent
from tests.unit.mesh.toys import LocalSource, TableSink, Words, say, toy_host, toy_settings, until

KNOBS = toy_settings()
WORDS = list("abcdefgh")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-01"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def host(clock: ManualClock) -> ShardHost[Words]:
    host = toy_host(MemoryStore(KNOBS), clock=clock)
    await host.take(0, 1)
    await say(host.owned(0), *WORDS)
    return host


async def test_every_record_is_applied_once_in_order(host: ShardHost[Words], clock: ManualClock) -> None:
    sink = TableSink()
    running = _run(LocalSource(host), sink, clock)
    await until(lambda: sink.kept[0] == 8, clock)
    await say(host.owned(0), "i")
    await until(lambda: sink.kept[0] == 9, clock)
    assert sink.kept == (9, [*WORDS, "i"])
    assert max(sink.batches) <= 3
    running.cancel()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("batch", [0, 1, 2])
async def test_a_sink_that_fails_before_or_after_keeping_a_batch_has_it_once(
    host: ShardHost[Words], clock: ManualClock, batch: int, when: str
) -> None:
    sink = TableSink()
    getattr(sink, when).extend([*[None] * batch, JournalUnavailable("gone")])
    running = _run(LocalSource(host), sink, clock)
    await until(lambda: sink.kept[0] == 8, clock)
    assert sink.kept == (8, WORDS)
    running.cancel()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("batch", [0, 1, 2])
async def test_a_consumer_that_dies_at_any_step_is_continued_by_another(
    host: ShardHost[Words], clock: ManualClock, batch: int, when: str
) -> None:
    sink = TableSink()
    getattr(sink, when).extend([*[None] * batch, asyncio.CancelledError()])
    first = _run(LocalSource(host), sink, clock)
    await until(first.done, clock)
    second = _run(LocalSource(host), sink, clock)
    await until(lambda: sink.kept[0] == 8, clock)
    assert sink.kept == (8, WORDS)
    second.cancel()


@given(
    strategies.lists(strategies.sampled_from(["none", "error", "death"]), max_size=12),
    strategies.lists(strategies.sampled_from(["none", "error", "death"]), max_size=12),
)
@settings(max_examples=40, deadline=None)
def test_no_series_of_faults_loses_or_repeats_an_effect(before: list[str], after: list[str]) -> None:
    asyncio.run(_through_faults(before, after))


async def _through_faults(before: list[str], after: list[str]) -> None:
    clock = ManualClock()
    host = toy_host(MemoryStore(KNOBS), clock=clock)
    await host.take(0, 1)
    await say(host.owned(0), *WORDS)
    faults: dict[str, Callable[[], BaseException | None]] = {
        "none": lambda: None,
        "error": lambda: JournalUnavailable("gone"),
        "death": asyncio.CancelledError,
    }
    sink = TableSink()
    sink.before.extend(faults[name]() for name in before)
    sink.after.extend(faults[name]() for name in after)
    while sink.kept[0] < 8:
        running = _run(LocalSource(host), sink, clock)
        await until(lambda: running.done() or sink.kept[0] == 8, clock)  # noqa: B023 - used at once
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert sink.kept == (8, WORDS)
    await host.close()


async def test_a_producer_that_crashes_and_moves_is_followed_from_the_cursor(clock: ManualClock) -> None:
    store = MemoryStore(KNOBS)
    first, second = toy_host(store, clock=clock), toy_host(store, clock=clock)
    await first.take(0, 1)
    await say(first.owned(0), "a", "b")
    source, sink = LocalSource(first), TableSink()
    running = _run(source, sink, clock)
    await until(lambda: sink.kept[0] == 2, clock)
    store.crash()
    await first.lose(0)
    await second.take(0, 2)
    await say(second.owned(0), "c")
    source.host = second
    await until(lambda: sink.kept[0] == 3, clock)
    assert sink.kept == (3, ["a", "b", "c"])
    assert set(source.opened_after) == {0, 2}
    running.cancel()


@pytest.mark.parametrize(
    ("first", "expected", "got"),
    [([1, 3], 2, 3), ([2], 1, 2), ([1, 1], 2, 1), ([1, 2, 4], 3, 4), ([0], 1, 0)],
)
async def test_a_gap_or_a_repetition_is_never_applied(
    clock: ManualClock, first: list[int], expected: int, got: int
) -> None:
    source = _Scripted([first, [1, 2]])
    sink = TableSink()
    consumer = FeedConsumer(source, sink, clock, KNOBS)
    running = asyncio.create_task(consumer.run())
    await until(lambda: consumer.fault is not None, clock)
    fault = consumer.fault
    assert isinstance(fault, FeedGap)
    assert (fault.metadata["expected"], fault.metadata["got"]) == (str(expected), str(got))
    assert sink.kept == (0, [])
    await until(lambda: sink.kept[0] == 2, clock)
    assert consumer.fault is None
    running.cancel()


async def test_a_source_that_is_away_is_asked_again_after_growing_bounded_pauses(clock: ManualClock) -> None:
    source = LocalSource(toy_host(MemoryStore(KNOBS), clock=clock))
    consumer = FeedConsumer(source, TableSink(), clock, KNOBS, rng=random.Random(7))  # noqa: S311 - a test's
    running = asyncio.create_task(consumer.run())
    # From 1 to 4 ms, each between half of it and all of it: a second holds at most 502 attempts, and every
    # 5 ms hold one.
    for _ in range(200):
        await clock.advance(0.005)
    assert 200 <= len(source.opened_after) <= 502
    assert isinstance(consumer.fault, ShardNotOwned)
    running.cancel()


async def test_stopping_finishes_the_batch_in_hand(host: ShardHost[Words], clock: ManualClock) -> None:
    held = asyncio.Event()

    class SlowSink(TableSink):
        async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
            await held.wait()
            await super().apply(source, records)

    sink = SlowSink()
    consumer = FeedConsumer(LocalSource(host), sink, clock, KNOBS)
    running = asyncio.create_task(consumer.run())
    await clock.advance(0.01)
    consumer.stop()
    await clock.advance(0.01)
    assert not running.done()
    held.set()
    await until(running.done, clock)
    await running
    assert sink.kept == (3, WORDS[:3])


async def test_stopping_ends_the_wait_for_a_record(host: ShardHost[Words], clock: ManualClock) -> None:
    sink = TableSink()
    consumer = FeedConsumer(LocalSource(host), sink, clock, KNOBS)
    running = asyncio.create_task(consumer.run())
    await until(lambda: sink.kept[0] == 8, clock)
    consumer.stop()
    await asyncio.wait_for(running, 5)


async def test_the_lag_is_the_age_of_what_was_applied(host: ShardHost[Words], clock: ManualClock) -> None:
    await clock.advance(90)
    sink = TableSink()
    source = LocalSource(host)
    running = _run(source, sink, clock)
    await until(lambda: sink.kept[0] == 8, clock)
    (gauge,) = LAG_SECONDS.collect()
    (lag_s,) = (sample.value for sample in gauge.samples if sample.labels["source"] == source.name)
    assert 90 <= lag_s < 91
    running.cancel()


def test_a_sampled_record_goes_on_in_its_own_trace_linked_to_the_batch() -> None:
    other = SAMPLED.replace("0af7", "1bf7")
    inside, spans = _traced([_record(1, SAMPLED), _record(2, ""), _record(3, other)])
    (batch,) = [span for span in spans if span.name == "toys feed batch"]
    records = {_hex(span.context): span for span in spans if span.name == "toys feed record"}
    assert set(records) == {TRACE_ID, other[3:35]}
    assert batch.context is not None
    for span in records.values():
        assert span.kind == SpanKind.CONSUMER
        assert [link.context.span_id for link in span.links] == [batch.context.span_id]
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    # What the sink does goes on in the trace of the first sampled record.
    assert inside[3:35] == TRACE_ID


def test_a_batch_without_sampled_records_has_no_spans() -> None:
    assert _traced([_record(1, ""), _record(2, "")]) == ("", ())


def _traced(records: Sequence[FeedRecord]) -> tuple[str, tuple[ReadableSpan, ...]]:
    """Runs a batch under a telemetry of its own: the traceparent inside, and the spans that were finished."""
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(KNOBS, "toys", [exporter])

    def work() -> str:
        _started.set(telemetry)
        with spans_of("toys/0", records):
            return traceparent()

    inside = contextvars.copy_context().run(work)
    telemetry.flush()
    finished = exporter.get_finished_spans()
    telemetry.shutdown()
    return inside, finished


def _hex(context: SpanContext | None) -> str:
    assert context is not None
    return f"{context.trace_id:032x}"


class _Scripted:
    """A source that sends what a script says, one batch each time that it is opened."""

    name = "toys/0"

    def __init__(self, batches: list[list[int]]) -> None:
        self._batches = batches

    async def open(self, after_seq: int) -> AsyncIterator[Sequence[FeedRecord]]:
        assert after_seq >= 0
        if self._batches:
            yield [_record(seq, "") for seq in self._batches.pop(0)]


def _record(seq: int, trace_context: str) -> FeedRecord:
    return FeedRecord(seq, 1_000, trace_context, StringValue(value=f"word {seq}"))


def _run(source: LocalSource, sink: TableSink, clock: ManualClock) -> asyncio.Task[None]:
    return asyncio.create_task(FeedConsumer(source, sink, clock, KNOBS).run())

"""The consuming side of a feed: reads on from the cursor, for ever, and applies every record exactly once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.feed.metrics import BATCHES, FAULTS, LAG_SECONDS, RECORDS
from services.mesh.feed.port import FeedGap, FeedRecord, FeedSink, FeedSource
from services.mesh.feed.spans import spans_of
from services.mesh.logs import get_logger
from services.mesh.settings import MeshSettings

T = TypeVar("T")

_log = get_logger("mesh.feed")


class FeedConsumer:
    """Follows one source into one sink.

    Delivery is at least once; the effect is exactly once, because the sink keeps effect and cursor together
    and every (re)connection begins at the sink's cursor. Whatever fails, the source, the sink or the
    record order, is reported, counted, and tried again after a bounded, growing pause.
    """

    def __init__(
        self,
        source: FeedSource,
        sink: FeedSink,
        clock: Clock,
        settings: MeshSettings,
        *,
        rng: random.Random | None = None,
    ) -> None:
        self.source = source
        self.fault: Exception | None = None
        """What went wrong last, None once a batch was applied after it."""
        self.cursor = 0
        """The last record known to be applied."""
        self._sink = sink
        self._clock = clock
        self._backoff = Backoff(settings.backoff_ms_min, settings.backoff_ms_max, rng)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Follows the source until `stop` is called or the task is cancelled."""
        while not self._stopping.is_set():
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - a feed goes on whatever it meets; the fault is reported
                self._report(error)
            await self._unless_stopped(self._clock.sleep(self._backoff.next_s()))

    def stop(self) -> None:
        """Lets `run` return after the batch in hand, if there is one, is applied."""
        self._stopping.set()

    async def _follow(self) -> None:
        name = self.source.name
        self.cursor = await self._sink.cursor(name)
        stream = self.source.open(self.cursor)
        try:
            while not self._stopping.is_set():
                batch = await self._unless_stopped(_next(stream))
                if batch is None:
                    break
                if batch:
                    self._check_order(batch)
                    await self._apply(batch)
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    async def _apply(self, batch: Sequence[FeedRecord]) -> None:
        name = self.source.name
        with spans_of(name, batch):
            await self._sink.apply(name, batch)
        self.cursor = batch[-1].seq
        self.fault = None
        self._backoff.reset()
        BATCHES.labels(name).inc()
        RECORDS.labels(name).inc(len(batch))
        LAG_SECONDS.labels(name).set(max(0, self._clock.now_ms() - batch[-1].time_ms) / 1000)

    def _check_order(self, batch: Sequence[FeedRecord]) -> None:
        for expected, record in enumerate(batch, start=self.cursor + 1):
            if record.seq != expected:
                raise FeedGap(
                    f"{self.source.name} sent record {record.seq} where {expected} was due",
                    source=self.source.name,
                    expected=expected,
                    got=record.seq,
                )

    def _report(self, error: Exception) -> None:
        FAULTS.labels(self.source.name).inc()
        # A shard that stays away for a while is one line, not one for every attempt.
        news = self.fault is None or repr(self.fault) != repr(error)
        self.fault = error
        if news:
            # A typed error says all in one line; anything else is a bug, and its place is wanted.
            where = None if isinstance(error, ServiceError) else error
            _log.warning(
                "feed_interrupted",
                source=self.source.name,
                cursor=self.cursor,
                error=str(error),
                exc_info=where,
            )

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of the work; None, and the work cancelled, when `stop` is called before it is done."""
        task = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            stopping.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            elif not task.cancelled():
                # When this is cancelled just as the work fails, nobody else asks for its error.
                task.exception()


async def _next(stream: AsyncIterator[Sequence[FeedRecord]]) -> Sequence[FeedRecord] | None:
    """The next batch, None at the end of the stream."""
    return await anext(stream, None)

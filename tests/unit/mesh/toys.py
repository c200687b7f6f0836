"""A toy service for tests of hosts and feeds: its events are words, its state remembers all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import cast

from google.protobuf.wrappers_pb2 import StringValue

from services.mesh.clock import Clock, ManualClock
from services.mesh.feed.port import FeedRecord
from services.mesh.feed.producer import read_feed
from services.mesh.journal.port import JournalStore
from services.mesh.settings import MeshSettings
from services.mesh.shards.host import Shard, ShardHost

SERVICE = "toys"


class Words:
    """Every word with its position and time, and the length of all of them together."""

    def __init__(self) -> None:
        self.words: list[tuple[int, int, str]] = []
        self.length = 0

    def apply(self, seq: int, time_ms: int, event: StringValue) -> None:
        if event.value == "poison":
            raise RuntimeError("this word cannot be applied")
        self.words.append((seq, time_ms, event.value))
        self.length += len(event.value)

    def snapshot(self) -> bytes:
        return json.dumps([self.words, self.length]).encode()

    def restore(self, state: bytes) -> None:
        words, self.length = json.loads(state)
        self.words = [(seq, time_ms, word) for seq, time_ms, word in words]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and (self.words, self.length) == (other.words, other.length)

    __hash__ = None  # type: ignore[assignment]  # it changes, so it has none


def word(value: str) -> StringValue:
    return StringValue(value=value)


def toy_settings(**knobs: int) -> MeshSettings:
    return MeshSettings.model_validate(
        {"backoff_ms_min": 1, "backoff_ms_max": 4, "feed_poll_ms": 50, "feed_pause_ms": 0, **knobs}
    )


def toy_host(
    store: JournalStore,
    settings: MeshSettings | None = None,
    clock: Clock | None = None,
    *,
    failed: Callable[[int, Exception], None] | None = None,
    chained: bool = False,
) -> ShardHost[Words]:
    return ShardHost(
        store,
        SERVICE,
        4,
        StringValue,
        lambda _: Words(),
        clock or ManualClock(),
        settings or toy_settings(),
        on_failed=failed,
        chained=chained,
    )


async def say(shard: Shard[Words], *values: str) -> None:
    """Commits words and waits until they are durable."""
    for value in values:
        shard.commit(word(value))
    await shard.settled()


def said(state: Words) -> list[str]:
    return [value for _, _, value in state.words]


class LocalSource:
    """A feed out of a host in the same process; `host` may be replaced, as a shard moves."""

    def __init__(self, host: ShardHost[Words], shard: int = 0, batch_records: int = 3) -> None:
        self.name = f"{SERVICE}/{shard}"
        self.host = host
        self.opened_after: list[int] = []
        self._shard = shard
        self._batch_records = batch_records

    async def open(self, after_seq: int) -> AsyncIterator[Sequence[FeedRecord]]:
        self.opened_after.append(after_seq)
        shard = self.host.owned(self._shard)
        async for batch in read_feed(shard, after_seq, self._batch_records, toy_settings()):
            yield [
                FeedRecord(
                    record.seq, record.time_ms, record.trace_context, StringValue.FromString(record.payload)
                )
                for record in batch
            ]


class TableSink:
    """A database in miniature: effect and cursor change together. Faults are queued before and after."""

    def __init__(self) -> None:
        self.kept: tuple[int, list[str]] = (0, [])
        self.before: list[BaseException | None] = []
        self.after: list[BaseException | None] = []
        self.batches: list[int] = []

    async def cursor(self, source: str) -> int:
        assert source == f"{SERVICE}/0"
        return self.kept[0]

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        assert source == f"{SERVICE}/0"
        await _stumble(self.before)
        self.batches.append(len(records))
        words = [str(cast("StringValue", record.event).value) for record in records]
        self.kept = (records[-1].seq, self.kept[1] + words)
        await _stumble(self.after)


async def _stumble(faults: list[BaseException | None]) -> None:
    await asyncio.sleep(0)
    fault = faults.pop(0) if faults else None
    if fault is not None:
        raise fault


async def until(condition: Callable[[], bool], clock: ManualClock) -> None:
    """Lets time pass until the condition holds; fails after a while of it."""
    for _ in range(400):
        if condition():
            return
        await clock.advance(0.01)
    raise AssertionError("it never came to that")

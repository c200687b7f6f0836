"""A sharded service that follows another one, both on real files: effect and cursor are one record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from google.protobuf.wrappers_pb2 import StringValue

from services.mesh.clock import SystemClock
from services.mesh.feed.consumer import FeedConsumer
from services.mesh.feed.port import FeedRecord
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.shards.host import Shard, ShardHost
from tests.unit.mesh.toys import SERVICE, LocalSource, say, toy_host, toy_settings, word

SOURCE = f"{SERVICE}/0"
KNOBS = toy_settings(snapshot_every_records=5)


class Echoes:
    """The follower's state: what it heard, and how far, folded from its own journal."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.cursors: dict[str, int] = {}

    def apply(self, seq: int, time_ms: int, event: StringValue) -> None:
        assert seq
        assert time_ms
        record = json.loads(event.value)
        self.heard.extend(record["words"])
        self.cursors[record["source"]] = record["cursor"]

    def snapshot(self) -> bytes:
        return json.dumps([self.heard, self.cursors]).encode()

    def restore(self, state: bytes) -> None:
        self.heard, self.cursors = json.loads(state)


class JournalSink:
    """Keeps the effect and the cursor as one record of the follower's own shard."""

    def __init__(self, shard: Shard[Echoes]) -> None:
        self._shard = shard

    async def cursor(self, source: str) -> int:
        # The state runs ahead of the disk, so a cursor counts once it is settled.
        await self._shard.settled()
        return self._shard.state.cursors.get(source, 0)

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        words = [cast("StringValue", record.event).value for record in records]
        effect = {"source": source, "cursor": records[-1].seq, "words": words}
        await self._shard.commit(word(json.dumps(effect)))


def follower(store: SqliteStore, source: LocalSource) -> ShardHost[Echoes]:
    async def on_owned(shard: Shard[Echoes]) -> None:
        consumer = FeedConsumer(source, JournalSink(shard), SystemClock(), KNOBS)
        shard.spawn(consumer.run(), f"feed of {source.name}")

    return ShardHost(
        store, "echoes", 4, StringValue, lambda _: Echoes(), SystemClock(), KNOBS, on_owned=on_owned
    )


async def heard(host: ShardHost[Echoes], count: int) -> Echoes:
    shard = host.owned(0)
    for _ in range(1_000):
        if len(shard.state.heard) >= count:
            break
        assert await shard.wait_beyond(shard.durable_seq, 10)
    await shard.settled()
    return shard.state


async def test_a_follower_that_moves_and_dies_hears_every_word_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, KNOBS)
    speaker = toy_host(store, KNOBS, SystemClock())
    await speaker.take(0, 1)
    source = LocalSource(speaker)
    spoken = [f"word {n}" for n in range(60)]
    for turn in range(6):
        speaking = asyncio.create_task(say(speaker.owned(0), *spoken[turn * 10 : turn * 10 + 10]))
        echoes = follower(store, source)
        await echoes.take(0, turn + 1)
        state = await heard(echoes, turn * 10 + 5)
        assert state.heard == spoken[: len(state.heard)]
        await speaking
        # In turn: handed over, and torn away with a commit under way.
        if turn % 2:
            await echoes.give(0)
        else:
            await echoes.lose(0)
        if turn == 3:
            await speaker.give(0)
            await speaker.take(0, 9)
    echoes = follower(store, source)
    await echoes.take(0, 99)
    state = await heard(echoes, 60)
    assert state.heard == spoken
    assert state.cursors == {SOURCE: 60}
    await echoes.close()
    await speaker.close()
    await store.close()

"""The next owner loads a shard ahead, while the present one serves on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from services.mesh.clock import ManualClock
from services.mesh.journal.memory import MemoryJournal, MemoryStore
from services.mesh.shards.host import ShardHost
from tests.unit.mesh.toys import SERVICE, Words, said, say, toy_host, toy_settings


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore(toy_settings())
    yield store
    await store.close()


async def test_what_was_loaded_ahead_is_gone_on_from(store: MemoryStore) -> None:
    giver, taker = toy_host(store), toy_host(store)
    await giver.take(0, 1)
    await say(giver.owned(0), "one", "two")
    await taker.warm(0)
    await say(giver.owned(0), "three")
    await giver.give(0, to_warm=True)
    journal = await store.open(SERVICE, 0)
    assert await journal.load_snapshot() is None
    folded: list[int] = []
    fold = Words.apply

    def count(state: Words, seq: int, time_ms: int, event: StringValue) -> None:
        folded.append(seq)
        fold(state, seq, time_ms, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Words, "apply", count)
        await taker.take(0, 2)
    assert folded == [3]
    assert said(taker.owned(0).state) == ["one", "two", "three"]
    assert taker.owned(0).seq == 3
    await taker.close()


@pytest.mark.parametrize("every", [2, 1_000])
async def test_what_comes_while_a_shard_is_loaded_ahead_is_not_loaded_twice(
    store: MemoryStore, every: int
) -> None:
    """With and without a snapshot that is newer than the end of the journal was when it was looked up."""
    giver, taker = toy_host(store, toy_settings(snapshot_every_records=every)), toy_host(store)
    await giver.take(0, 1)
    await say(giver.owned(0), "one")
    last_seq = MemoryJournal.last_seq

    async def late(journal: MemoryJournal) -> int:
        last = await last_seq(journal)
        await say(giver.owned(0), "more", "and more")
        while every == 2 and await journal.load_snapshot() is None:  # noqa: ASYNC110 - its own task
            await asyncio.sleep(0)
        return last

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryJournal, "last_seq", late)
        await taker.warm(0)
    written = said(giver.owned(0).state)
    await giver.give(0, to_warm=True)
    warmed = taker._warmed[0]
    folded = len(warmed.state.words)
    assert warmed.seq == folded >= 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Words, "restore", None)
        await taker.take(0, 2)
    assert taker.owned(0).state is warmed.state
    assert said(taker.owned(0).state) == written
    await taker.close()


async def test_what_was_loaded_ahead_is_not_believed_when_the_journal_tells_another_story(
    store: MemoryStore,
) -> None:
    giver, taker = toy_host(store), toy_host(store)
    await giver.take(0, 1)
    await say(giver.owned(0), "one", "two")
    await taker.warm(0)
    seen = taker._warmed[0].last_record
    assert seen is not None
    # As if the record that was read last had been another owner's, and had never counted.
    taker._warmed[0] = replace(taker._warmed[0], last_record=replace(seen, epoch=7))
    taker._warmed[0].state.words.append((9, 9, "never said"))
    await giver.give(0)
    await taker.take(0, 2)
    assert said(taker.owned(0).state) == ["one", "two"]
    await taker.close()


async def test_what_is_forgotten_again_is_loaded_anew(store: MemoryStore) -> None:
    giver, taker = toy_host(store), toy_host(store)
    await giver.take(0, 1)
    await say(giver.owned(0), "one")
    await taker.warm(0)
    taker.cool(0)
    taker.cool(0)
    assert taker._warmed == {}
    await giver.give(0)
    await taker.take(0, 2)
    assert said(taker.owned(0).state) == ["one"]
    await taker.close()


class Heavy(Words):
    """A state that takes long to load."""

    def __init__(self, begun: threading.Event, go_on: threading.Event) -> None:
        super().__init__()
        self.begun, self.go_on = begun, go_on

    def apply(self, seq: int, time_ms: int, event: StringValue) -> None:
        self.begun.set()
        assert self.go_on.wait(30)
        super().apply(seq, time_ms, event)


async def test_a_shard_that_callers_wait_for_is_not_kept_waiting_by_what_is_loaded_ahead(
    store: MemoryStore,
) -> None:
    giver = toy_host(store)
    for shard in (0, 1):
        await giver.take(shard, 1)
        await say(giver.owned(shard), "one")
    begun, go_on = threading.Event(), threading.Event()
    taker: ShardHost[Words] = ShardHost(
        store,
        SERVICE,
        4,
        StringValue,
        lambda shard: Heavy(begun, go_on) if shard == 0 else Words(),
        ManualClock(),
        toy_settings(shard_threads=1),
    )
    warming = asyncio.create_task(taker.warm(0))
    await asyncio.to_thread(begun.wait, 30)
    await giver.give(1)
    await taker.take(1, 2)
    assert said(taker.owned(1).state) == ["one"]
    assert not warming.done()
    go_on.set()
    await warming
    await giver.close()
    await taker.close()

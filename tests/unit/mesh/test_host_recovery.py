from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given, settings, strategies

from services.mesh.clock import ManualClock
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import EpochFenced, JournalUnavailable, Snapshot
from services.mesh.shards.host import (
    JournalBroken,
    Shard,
    ShardHost,
    ShardLost,
    ShardNotOwned,
)
from tests.unit.mesh.toys import SERVICE, Words, said, say, toy_host, toy_settings, word


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore(toy_settings())
    yield store
    await store.close()


async def test_a_hook_that_fails_means_the_shard_is_not_taken(store: MemoryStore) -> None:
    lost: list[int] = []

    async def refuse(_: Shard[Words]) -> None:
        raise LookupError("not ready")

    async def note(shard: Shard[Words]) -> None:
        lost.append(shard.number)

    host = toy_host(store)
    host._on_owned, host._on_lost = refuse, note
    with pytest.raises(LookupError):
        await host.take(0, 1)
    assert lost == [0]
    with pytest.raises(ShardNotOwned):
        host.owned(0)


async def test_a_take_under_an_old_epoch_takes_nothing(store: MemoryStore) -> None:
    host = toy_host(store)
    await (await store.open(SERVICE, 0)).fence(5)
    with pytest.raises(EpochFenced):
        await host.take(0, 4)
    assert list(host.shards()) == []


async def test_a_snapshot_from_beyond_the_end_is_not_believed(store: MemoryStore) -> None:
    journal = await store.open(SERVICE, 0)
    await journal.save_snapshot(1, Snapshot(3, Words().snapshot()))
    with pytest.raises(JournalBroken):
        await toy_host(store).take(0, 2)


async def test_times_never_go_back_even_when_the_clock_does(store: MemoryStore) -> None:
    early, late = ManualClock(1_000), ManualClock(2_000)
    first = toy_host(store, clock=late)
    await first.take(0, 1)
    await say(first.owned(0), "a")
    await first.give(0)
    second = toy_host(store, clock=early)
    await second.take(0, 2)
    await say(second.owned(0), "b")
    assert [time_ms for _, time_ms, _ in second.owned(0).state.words] == [2_000, 2_000]


async def test_old_records_are_read_from_the_journal_and_new_ones_from_memory(store: MemoryStore) -> None:
    host = toy_host(store, toy_settings(shard_tail_records_max=3))
    await host.take(0, 1)
    shard = host.owned(0)
    await say(shard, *"abcdefgh")
    for after_seq in range(9):
        records = await shard.read(after_seq, 2)
        assert [record.seq for record in records] == list(range(after_seq + 1, 9))[:2]


async def test_a_crash_keeps_what_was_acknowledged(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    shard = host.owned(0)
    await say(shard, "kept")
    lost = asyncio.ensure_future(shard.commit(word("lost")))
    store.crash()
    with pytest.raises(ShardLost) as failure:
        await lost
    assert isinstance(failure.value.__cause__, JournalUnavailable)
    heir: ShardHost[Words] = toy_host(store)
    await heir.take(0, 2)
    assert said(heir.owned(0).state) == ["kept"]
    await host.close()


STEPS = strategies.lists(
    strategies.one_of(
        strategies.text(max_size=8).filter(lambda text: text != "poison"),
        strategies.sampled_from(["GIVE", "LOSE", "CRASH", "CRASH_LATE", "SETTLE", "WARM"]),
    ),
    max_size=40,
)


@given(STEPS, strategies.integers(1, 6), strategies.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_a_recovered_state_equals_the_live_one_at_its_end(steps: list[str], every: int, batch: int) -> None:
    asyncio.run(_live_and_recover(steps, every, batch))


async def _live_and_recover(steps: list[str], every: int, batch: int) -> None:
    knobs = toy_settings(snapshot_every_records=every, replay_batch_records=batch)
    store = MemoryStore(knobs)
    host = toy_host(store, knobs)
    epoch = 1
    await host.take(0, epoch)
    for step in [*steps, "CRASH"]:
        shard = host.owned(0)
        if step == "SETTLE":
            await shard.settled()
        elif step == "WARM":
            # As the next owner does, here in the same host: what it loads is gone on from, or not believed.
            await host.warm(0)
        elif step in {"GIVE", "LOSE", "CRASH", "CRASH_LATE"}:
            live, durable = shard.state, shard.durable_seq
            if step == "GIVE":
                await host.give(0)
                durable = shard.seq
            elif step == "LOSE":
                await host.lose(0)
            else:
                await asyncio.sleep(0)
                durable = shard.durable_seq
                store.crash(in_flight_survives=step == "CRASH_LATE")
                await host.lose(0)
            epoch += 1
            await host.take(0, epoch)
            recovered = host.owned(0).state
            # Everything acknowledged is there; of the rest, a beginning.
            assert durable <= len(recovered.words) <= len(live.words)
            assert recovered.words == live.words[: len(recovered.words)]
            assert recovered.length == sum(len(value) for _, _, value in recovered.words)
        else:
            shard.commit(word(step))
    await host.close()


class Slow(Words):
    """Folds in its own time, and says where."""

    def __init__(self, begun: threading.Event, go_on: threading.Event) -> None:
        super().__init__()
        self.begun, self.go_on = begun, go_on
        self.threads: set[str] = set()

    def apply(self, seq: int, time_ms: int, event: StringValue) -> None:
        self.begun.set()
        assert self.go_on.wait(30)
        self.threads.add(threading.current_thread().name)
        super().apply(seq, time_ms, event)


async def test_the_loop_goes_on_while_a_journal_is_folded(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    await say(host.owned(0), "one", "two")
    await host.lose(0)
    begun, go_on = threading.Event(), threading.Event()
    slow = Slow(begun, go_on)
    again: ShardHost[Slow] = ShardHost(
        store, SERVICE, 4, StringValue, lambda _: slow, ManualClock(), toy_settings(shard_threads=1)
    )
    taking = asyncio.create_task(again.take(0, 2))
    # The fold waits for the loop: on the loop it would wait for ever.
    await asyncio.to_thread(begun.wait, 30)
    go_on.set()
    await taking
    assert said(again.owned(0).state) == ["one", "two"]
    assert all(name.startswith("shards") for name in slow.threads)
    await again.close()
    await host.close()


async def test_without_threads_a_journal_is_folded_on_the_loop(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    await say(host.owned(0), "one")
    await host.lose(0)
    ready = threading.Event()
    ready.set()
    state = Slow(ready, ready)
    again: ShardHost[Slow] = ShardHost(
        store, SERVICE, 4, StringValue, lambda _: state, ManualClock(), toy_settings(shard_threads=0)
    )
    await again.take(0, 2)
    assert state.threads == {threading.current_thread().name}
    await again.close()
    await host.close()


class Frozen(Words):
    """Writes its snapshot out later, when it has gone on already."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = threading.Event()

    def freeze(self) -> Callable[[], bytes]:
        words, length = self.words[:], self.length

        def write_out() -> bytes:
            assert self.may_write.wait(30)
            return json.dumps([words, length]).encode()

        return write_out


async def test_a_snapshot_that_is_written_out_later_is_of_the_moment_it_was_taken(store: MemoryStore) -> None:
    frozen = Frozen()
    host: ShardHost[Frozen] = ShardHost(
        store,
        SERVICE,
        4,
        StringValue,
        lambda _: frozen,
        ManualClock(),
        toy_settings(snapshot_every_records=2, shard_threads=1),
    )
    await host.take(0, 1)
    shard = host.owned(0)
    shard.commit(word("one"))
    shard.commit(word("two"))
    await shard.settled()
    # Decisions go on while the snapshot waits to be written.
    await say(cast("Shard[Words]", shard), "three")
    frozen.may_write.set()
    journal = await store.open(SERVICE, 0)
    async with asyncio.timeout(30):
        while (snapshot := await journal.load_snapshot()) is None:  # noqa: ASYNC110 - a thread sets no event here
            await asyncio.sleep(0.001)
    words, _ = json.loads(snapshot.state)
    assert [value for _, _, value in words] == ["one", "two", "three"][: snapshot.seq]
    await host.lose(0)
    again = toy_host(store)
    await again.take(0, 2)
    assert said(again.owned(0).state) == ["one", "two", "three"]
    await again.close()
    await host.close()

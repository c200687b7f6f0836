from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.mesh.clock import ManualClock
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import Entry, EpochFenced, Snapshot
from services.mesh.shards.host import (
    RecordTooLarge,
    Shard,
    ShardLost,
    ShardNotOwned,
    ShardOverloaded,
)
from tests.unit.mesh.toys import SERVICE, Words, said, say, toy_host, toy_settings, word


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore(toy_settings())
    yield store
    await store.close()


async def test_a_commit_changes_the_state_at_once_and_is_durable_when_awaited(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    shard = host.owned(0)
    pending = shard.commit(word("a"))
    assert said(shard.state) == ["a"]
    assert (shard.seq, shard.durable_seq) == (1, 0)
    assert await pending == 1
    assert shard.durable_seq == 1
    assert await pending == 1


async def test_only_durable_records_can_be_read(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    shard = host.owned(0)
    pending = shard.commit(word("a"))
    assert await shard.read(0, 10) == []
    await pending
    assert [record.seq for record in await shard.read(0, 10)] == [1]


async def test_a_record_that_the_shard_was_not_told_of_is_not_read(store: MemoryStore) -> None:
    host = toy_host(store, toy_settings(shard_tail_records_max=0))
    await host.take(0, 1)
    shard = host.owned(0)
    await say(shard, "a", "b")
    # As a commit in a file that was taken over meanwhile: written, and never acknowledged.
    await shard._journal.append(1, [Entry(word("never").SerializeToString(), time_ms=1)])
    assert [record.seq for record in await shard.read(0, 10)] == [1, 2]
    assert await shard.read(2, 10) == []


async def test_many_commits_share_a_few_appends(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    shard = host.owned(0)
    appends: list[int] = []
    append = shard._journal.append

    async def counted(epoch: int, entries: list[Entry], after_seq: int) -> int:
        appends.append(len(entries))
        return await append(epoch, entries, after_seq)

    shard._journal.append = counted  # type: ignore[method-assign, assignment]  # counts on the way
    results = await asyncio.gather(*(shard.commit(word(str(n))) for n in range(500)))
    assert results == list(range(1, 501))
    assert sum(appends) == 500
    assert len(appends) < 5


async def test_a_shard_that_is_not_held_is_refused_with_its_owner(store: MemoryStore) -> None:
    host = toy_host(store)
    with pytest.raises(ShardNotOwned) as refusal:
        host.owned(2)
    assert refusal.value.metadata == {"shard": "2"}
    host.owner_address = lambda shard: f"10.0.0.{shard}:7000"
    with pytest.raises(ShardNotOwned) as refusal:
        host.owned(2)
    assert refusal.value.metadata == {"shard": "2", "owner": "10.0.0.2:7000"}
    with pytest.raises(ValueError, match="no shard 4"):
        host.owned(4)


async def test_nothing_is_answered_once_the_lease_is_gone(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    alive = True
    host.alive = lambda: alive
    assert host.owned(0).epoch == 1
    alive = False
    with pytest.raises(ShardNotOwned):
        host.owned(0)


async def test_a_given_shard_is_taken_by_another_with_everything_in_it(store: MemoryStore) -> None:
    first, second = toy_host(store), toy_host(store)
    await first.take(0, 1)
    shard = first.owned(0)
    pending = [shard.commit(word(value)) for value in "abc"]
    await first.give(0)
    assert [await each for each in pending] == [1, 2, 3]
    with pytest.raises(ShardNotOwned):
        first.owned(0)
    with pytest.raises(ShardNotOwned):
        shard.commit(word("late"))
    with pytest.raises(ShardNotOwned):
        await shard.read(0, 1)
    journal = await store.open(SERVICE, 0)
    assert await journal.load_snapshot() == Snapshot(3, shard.state.snapshot())
    await second.take(0, 2)
    assert second.owned(0).state == shard.state


async def test_a_lost_shard_flushes_nothing_and_fails_its_waiters(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    shard = host.owned(0)
    await say(shard, "kept")
    pending = shard.commit(word("unsure"))
    waiting = asyncio.ensure_future(pending)
    await host.lose(0)
    with pytest.raises(ShardLost):
        await waiting
    with pytest.raises(ShardNotOwned):
        shard.commit(word("late"))
    journal = await store.open(SERVICE, 0)
    assert await journal.load_snapshot() is None
    await host.lose(0)


async def test_a_fenced_owner_fails_every_waiter_and_tells_ownership(store: MemoryStore) -> None:
    failures: list[tuple[int, Exception]] = []
    old = toy_host(store, failed=lambda shard, error: failures.append((shard, error)))
    new = toy_host(store)
    await old.take(0, 1)
    shard = old.owned(0)
    await say(shard, "kept")
    await new.take(0, 2)
    pending = [asyncio.ensure_future(shard.commit(word(value))) for value in ("x", "y")]
    outcomes = await asyncio.gather(*pending, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ShardLost, ShardLost]
    assert outcomes[0] is not outcomes[1]
    assert isinstance(shard.failure, EpochFenced)
    assert failures == [(0, shard.failure)]
    with pytest.raises(ShardLost):
        shard.commit(word("late"))
    with pytest.raises(ShardNotOwned):
        old.owned(0)
    assert said(new.owned(0).state) == ["kept"]
    await old.close()


async def test_a_failed_shard_can_be_taken_again_after_it_is_cleaned_up(store: MemoryStore) -> None:
    order: list[str] = []

    async def owned(shard: Shard[Words]) -> None:
        order.append(f"owned {shard.epoch}")

    async def lost(shard: Shard[Words]) -> None:
        await asyncio.sleep(0)
        order.append(f"lost {shard.epoch}")

    host = toy_host(store)
    host._on_owned, host._on_lost = owned, lost
    await host.take(0, 1)
    await say(host.owned(0), "kept")
    await (await store.open(SERVICE, 0)).fence(2)
    with pytest.raises(ShardLost):
        await host.owned(0).commit(word("never kept"))
    await host.take(0, 3)
    assert order == ["owned 1", "lost 1", "owned 3"]
    assert said(host.owned(0).state) == ["kept"]


async def test_an_event_that_cannot_be_applied_gives_the_shard_up(store: MemoryStore) -> None:
    failures: list[int] = []
    host = toy_host(store, failed=lambda shard, _: failures.append(shard))
    await host.take(0, 1)
    shard = host.owned(0)
    await say(shard, "kept")
    with pytest.raises(RuntimeError, match="cannot be applied"):
        shard.commit(word("poison"))
    assert failures == [0]
    await host.take(0, 2)
    assert said(host.owned(0).state) == ["kept"]


async def test_commits_beyond_what_may_wait_are_refused_before_anything_is_done(store: MemoryStore) -> None:
    host = toy_host(store, toy_settings(shard_undurable_records_max=3))
    await host.take(0, 1)
    shard = host.owned(0)
    for value in "abc":
        shard.commit(word(value))
    with pytest.raises(ShardOverloaded) as refusal:
        shard.commit(word("d"))
    assert (refusal.value.reason, refusal.value.kind.value) == ("OVERLOADED", "RESOURCE_EXHAUSTED")
    assert refusal.value.metadata == {"shard": "0", "limit": "shard_undurable_records_max"}
    assert refusal.value.retry_delay_ms
    assert said(shard.state) == ["a", "b", "c"]
    await shard.settled()
    assert await shard.commit(word("d")) == 4


async def test_the_bytes_that_may_wait_are_bounded_too(store: MemoryStore) -> None:
    host = toy_host(store, toy_settings(shard_undurable_bytes_max=1_024))
    await host.take(0, 1)
    shard = host.owned(0)
    shard.commit(word("x" * 900))
    with pytest.raises(ShardOverloaded):
        shard.commit(word("y" * 200))
    await shard.settled()
    assert await shard.commit(word("y" * 200)) == 2


async def test_an_event_too_large_for_a_feed_is_refused(store: MemoryStore) -> None:
    host = toy_host(store, toy_settings(message_bytes_max=2_048))
    await host.take(0, 1)
    with pytest.raises(RecordTooLarge):
        host.owned(0).commit(word("x" * 1_100))
    assert host.owned(0).seq == 0


async def test_a_snapshot_is_kept_every_so_many_records(store: MemoryStore) -> None:
    host = toy_host(store, toy_settings(snapshot_every_records=10))
    await host.take(0, 1)
    shard = host.owned(0)
    journal = await store.open(SERVICE, 0)
    for n in range(25):
        await shard.commit(word(str(n)))
    for _ in range(20):
        await asyncio.sleep(0)
    snapshot = await journal.load_snapshot()
    assert snapshot is not None
    assert 20 <= snapshot.seq <= 25
    restored = Words()
    restored.restore(snapshot.state)
    assert restored.words == shard.state.words[: snapshot.seq]


async def test_a_snapshot_is_kept_soon_when_one_record_takes_long_to_fold(store: MemoryStore) -> None:
    host = toy_host(store)
    await host.take(0, 1)
    shard = host.owned(0)
    journal = await store.open(SERVICE, 0)
    await say(shard, "heavy")
    assert await journal.load_snapshot() is None
    shard.snapshot_soon()
    for _ in range(20):
        await asyncio.sleep(0)
    assert await journal.load_snapshot() == Snapshot(1, shard.state.snapshot())
    await say(shard, "light")
    for _ in range(20):
        await asyncio.sleep(0)
    assert await journal.load_snapshot() != Snapshot(2, shard.state.snapshot())


async def test_a_snapshot_is_not_kept_before_its_records_are_durable() -> None:
    clock = ManualClock()
    store = MemoryStore(toy_settings(), clock, latency_s=1.0)
    host = toy_host(store, toy_settings(snapshot_every_records=2), clock)
    await host.take(0, 1)
    shard = host.owned(0)
    for value in "abc":
        shard.commit(word(value))
    for _ in range(20):
        await asyncio.sleep(0)
    journal = await store.open(SERVICE, 0)
    assert await journal.load_snapshot() is None
    await clock.advance(5)
    snapshot = await journal.load_snapshot()
    assert snapshot is not None
    assert snapshot.seq == 3
    await host.close()


async def test_background_tasks_end_with_the_shard(store: MemoryStore) -> None:
    host = toy_host(store, toy_settings(shard_tasks_max=2))
    await host.take(0, 1)
    shard = host.owned(0)
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    shard.spawn(work("one"), "one")
    shard.spawn(work("two"), "two")
    with pytest.raises(ShardOverloaded):
        shard.spawn(work("three"), "three")
    await asyncio.sleep(0)
    await host.give(0)
    assert sorted(ended) == ["one", "two"]
    with pytest.raises(ShardNotOwned):
        shard.spawn(work("late"), "late")


async def test_a_background_task_that_fails_gives_the_shard_up(store: MemoryStore) -> None:
    failures: list[Exception] = []
    host = toy_host(store, failed=lambda _, error: failures.append(error))
    await host.take(0, 1)

    async def work() -> None:
        raise LookupError("no such thing")

    await host.owned(0).spawn(work(), "doomed")
    assert [type(failure) for failure in failures] == [LookupError]
    with pytest.raises(ShardNotOwned):
        host.owned(0)
    await host.close()

"""Owning all shards of a mesh that runs without etcd."""

from __future__ import annotations

from services.mesh.clock import ManualClock
from services.mesh.journal.memory import MemoryStore
from services.mesh.owner import _own_everything
from tests.unit.mesh.toys import said, say, toy_host, toy_settings


async def test_a_start_after_the_clock_went_back_owns_everything_all_the_same() -> None:
    store = MemoryStore(toy_settings())
    before, after = ManualClock(now_ms=2_000_000), ManualClock(now_ms=1_000_000)
    host = toy_host(store, clock=before)
    await _own_everything(host, before, 1)
    await say(host.owned(0), "kept")
    await host.close()

    again = toy_host(store, clock=after)
    await _own_everything(again, after, 2)

    assert [shard.epoch for shard in again.shards()] == [2_000_001] * 4
    assert said(again.owned(0).state) == ["kept"]
    await again.close()
    await store.close()

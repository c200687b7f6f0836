"""Loading a shard ahead, without etcd."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from services.mesh.shards.surroundings import SeatSurroundings
from services.mesh.shards.warm_up import WarmUp


class Etcd:
    """Keys and values. A deletion is slow to be confirmed."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.deleted = asyncio.Event()
        self.confirmed = asyncio.Event()

    async def put(self, key: str, value: bytes, *, lease_id: int) -> None:
        assert lease_id == 7
        self.kept[key] = value

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)
        self.deleted.set()
        await self.confirmed.wait()


class Handler:
    """Loads a shard as soon as it may."""

    def __init__(self) -> None:
        self.may_load = asyncio.Event()
        self.cooled: list[int] = []

    async def warm(self, _: int) -> None:
        await self.may_load.wait()

    def cool(self, shard: int) -> None:
        self.cooled.append(shard)


async def _surely(change: Callable[[], Awaitable[object]]) -> object:
    return await change()


async def test_who_has_taken_a_shard_does_not_say_any_more_that_it_is_ready_for_it() -> None:
    etcd, handler = Etcd(), Handler()
    around: Any = SimpleNamespace(
        client=etcd,
        handler=handler,
        instance="b",
        keys=SimpleNamespace(ready_for=lambda shard: f"ready/{shard}"),
        session=SimpleNamespace(lease_id=7),
        surely=_surely,
        take_timeout_s=30.0,
    )
    warm_up = WarmUp(3, cast("SeatSurroundings", around))
    warm_up.begin()
    await asyncio.sleep(0)
    ending = asyncio.create_task(warm_up.end())
    await etcd.deleted.wait()
    handler.may_load.set()
    for _ in range(5):
        await asyncio.sleep(0)
    etcd.confirmed.set()
    await ending
    assert etcd.kept == {}
    assert handler.cooled == [3]
    assert not warm_up.is_begun

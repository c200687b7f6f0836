"""Processes of allocation come and go while people claim, and nobody is told of an error."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integration.crashes.crash_mesh import CrashMesh, Nursery
from tests.integration.crashes.round_play import PEOPLE, RoundPlay
from tests.integration.mesh.etcd_fixtures import EtcdServer

SHARDS = 8


async def test_a_process_that_joins_takes_the_fewest_shards_and_gives_them_back_when_it_drains(
    nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with a_round_of_two(nursery, etcd, tmp_path) as (mesh, round_play):
        async with claims_all_the_time(round_play):
            before = mesh.owners()
            third = mesh.start("allocation", "c")
            await mesh.until_shared("a", "b", "c")
            joined = mesh.owners()
            assert Counter(joined.values()) == {"a": 3, "b": 3, "c": 2}
            assert {shard for shard in joined if joined[shard] != before[shard]} == {
                shard for shard, owner in joined.items() if owner == "c"
            }
            os.kill(third.pid, signal.SIGTERM)
            await third.died.wait()
            await mesh.until_shared("a", "b")
            drained = mesh.owners()
            assert all(drained[shard] == owner for shard, owner in joined.items() if owner != "c")
        await round_play.close()
        await round_play.expect_everything_in_its_place()
        assert mesh.victims == []


async def test_a_process_that_is_frozen_holds_nobody_up_once_its_lease_is_over(
    nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with a_round_of_two(nursery, etcd, tmp_path) as (mesh, round_play):
        await round_play.claim(PEOPLE[:20])
        frozen = mesh.processes["b"]
        os.kill(frozen.pid, signal.SIGSTOP)
        # These calls are on their way to the frozen process, on connections that stand, with a minute's time.
        claiming = asyncio.create_task(round_play.claim(PEOPLE))
        await asyncio.sleep(0)
        await mesh.end_lease(frozen)
        await mesh.until_shared("a")
        async with asyncio.timeout(20):
            await claiming
        await round_play.close()
        await round_play.expect_everything_in_its_place()


@asynccontextmanager
async def a_round_of_two(
    nursery: Nursery, etcd: EtcdServer, folder: Path
) -> AsyncIterator[tuple[CrashMesh, RoundPlay]]:
    """A round that is open, on shards that two processes share."""
    async with CrashMesh(nursery, etcd.endpoint, folder, SHARDS) as mesh:
        mesh.start("settlement", "settlement")
        for name in ("a", "b"):
            mesh.start("allocation", name)
        await mesh.until_shared("a", "b")
        round_play = RoundPlay(mesh)
        await round_play.deposit()
        await round_play.create()
        yield mesh, round_play


@asynccontextmanager
async def claims_all_the_time(round_play: RoundPlay) -> AsyncIterator[None]:
    """People claim and ask again without a pause as long as the block runs; any error ends the test."""
    is_over = asyncio.Event()

    async def claim() -> None:
        while not is_over.is_set():
            await round_play.claim(PEOPLE)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(claim())
        try:
            yield
        finally:
            is_over.set()

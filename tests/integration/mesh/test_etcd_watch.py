"""Watches and views of a prefix, through restarts, silence and lost history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import (
    EtcdUnavailable,
)
from services.mesh.etcd.transport import EtcdLimits, Node
from services.mesh.etcd.values import Put
from services.mesh.etcd.view import PrefixView
from services.mesh.etcd.watch import Batch, watch
from tests.integration.mesh.etcd_fixtures import (
    EtcdServer,
    eventually,
)

SHORT = EtcdLimits(timeout_s=0.5, attempt_timeout_s=0.3)


async def test_a_watch_tells_the_present_state_and_then_every_change(etcd_client: EtcdClient) -> None:
    await etcd_client.put("/w/1", b"old")
    async with aclosing(watch(etcd_client, "/w/")) as batches:
        assert told(await anext(batches)) == {"/w/1": b"old"}
        await etcd_client.txn([], [Put("/w/1", b"new"), Put("/w/2", b"two"), Put("/v", b"other")])
        batch = await anext(batches)
        assert told(batch) == {"/w/1": b"new", "/w/2": b"two"}
        assert [change.before.value if change.before else None for change in batch.changes] == [b"old", None]
        await etcd_client.delete("/w/2")
        assert told(await anext(batches)) == {"/w/2": None}


async def test_a_watch_goes_on_where_it_was_when_the_server_comes_back(
    own_etcd: EtcdServer, own_etcd_client: EtcdClient
) -> None:
    async with aclosing(watch(own_etcd_client, "/w/")) as batches:
        await anext(batches)
        await own_etcd_client.put("/w/before", b"")
        assert told(await anext(batches)) == {"/w/before": b""}
        own_etcd.kill()
        own_etcd.start()
        async with EtcdClient([own_etcd.endpoint]) as other:
            await eventually(lambda: _exists(other, "/w/before"))
            await other.put("/w/after", b"1")
            await other.put("/w/after", b"2")
        assert [value async for value in values(batches, 2)] == [b"1", b"2"]


async def test_a_watch_that_missed_compacted_history_tells_the_difference(
    etcd_client: EtcdClient,
) -> None:
    for name in ("kept", "changed", "removed"):
        await etcd_client.put(f"/w/{name}", b"old")
    async with aclosing(watch(etcd_client, "/w/")) as batches:
        assert len((await anext(batches)).changes) == 3
        # The watch is between two streams: it was told the state and has not asked for changes yet.
        await etcd_client.put("/w/changed", b"new")
        await etcd_client.delete("/w/removed")
        await etcd_client.put("/w/added", b"")
        await etcd_client.compact(await etcd_client.put("/elsewhere", b""))
        assert told(await anext(batches)) == {"/w/changed": b"new", "/w/removed": None, "/w/added": b""}
        await etcd_client.put("/w/kept", b"later")
        assert told(await anext(batches)) == {"/w/kept": b"later"}


async def test_a_watch_follows_a_store_that_was_replaced_by_an_older_one(
    tmp_path: Path, own_etcd: EtcdServer, own_etcd_client: EtcdClient
) -> None:
    for number in range(10):
        await own_etcd_client.put("/w/lost", b"%d" % number)
    async with aclosing(watch(own_etcd_client, "/w/")) as batches:
        assert told(await anext(batches)) == {"/w/lost": b"9"}
        own_etcd.kill()
        own_etcd.member.data_folder.rename(tmp_path / "gone")
        own_etcd.start()
        assert told(await anext(batches)) == {"/w/lost": None}
        await own_etcd_client.put("/w/new", b"")
        assert told(await anext(batches)) == {"/w/new": b""}


async def test_a_silent_connection_is_noticed_and_the_watch_goes_on_later(own_etcd: EtcdServer) -> None:
    limits = EtcdLimits(timeout_s=0.5, attempt_timeout_s=0.3, silence_s=0.1)
    async with EtcdClient([own_etcd.endpoint], limits=limits) as client:
        view = PrefixView(client, "/w/")
        await view.start()
        given_up: list[Node] = []
        client.transport.fail_over = given_up.append  # type: ignore[assignment, method-assign]  # one server
        own_etcd.freeze()
        await eventually(lambda: len(given_up) > 0)
        own_etcd.thaw()
        await eventually(lambda: _has_put(client, "/w/1"))
        await asyncio.wait_for(view.until(lambda: "/w/1" in view.entries), 5.0)
        await view.close()


async def test_a_view_that_is_closed_wakes_those_who_wait_for_it(etcd_client: EtcdClient) -> None:
    view = PrefixView(etcd_client, "/w/")
    await view.start()
    waiting = asyncio.create_task(view.changed(view.version))
    await asyncio.sleep(0)
    await view.close()
    with pytest.raises(RuntimeError, match="closed"):
        await asyncio.wait_for(waiting, 1.0)


def told(batch: Batch) -> dict[str, bytes | None]:
    return {change.key: change.now.value if change.now else None for change in batch.changes}


async def values(batches: AsyncGenerator[Batch, None], count: int) -> AsyncIterator[bytes | None]:
    """The next changes, however they are grouped."""
    left = count
    while left > 0:
        async with asyncio.timeout(5.0):
            batch = await anext(batches)
        for change in batch.changes:
            left -= 1
            yield change.now.value if change.now else None


async def _exists(client: EtcdClient, key: str) -> bool:
    try:
        return await client.get(key) is not None
    except EtcdUnavailable:
        return False


async def _has_put(client: EtcdClient, key: str) -> bool:
    try:
        await client.put(key, b"")
    except EtcdUnavailable:
        return False
    return True

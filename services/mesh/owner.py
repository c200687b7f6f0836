"""The running of a sharded service: joins, owns what the plan gives it, and hands it over at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.etcd.client import EtcdClient
from services.mesh.failpoints import arm_failpoints
from services.mesh.journal.port import EpochFenced
from services.mesh.server import MeshServer, StartFailed, exposed_metrics
from services.mesh.settings import MeshSettings
from services.mesh.shards.host import ShardHost
from services.mesh.shards.map import ShardMap
from services.mesh.shards.metrics import shown_host
from services.mesh.shards.ownership import Ownership, OwnershipLimits


async def serve_as_owner(
    server: MeshServer,
    host: ShardHost[Any],
    settings: MeshSettings,
    clock: Clock,
    etcd: EtcdClient | None,
    shard_map: ShardMap,
) -> None:
    """Starts the server, takes shards as the plan says, and serves until a signal.

    `shard_map` is that of the service itself, so that wrong callers can be told the owner. Without etcd this
    process owns all shards: there must be no other. At the signal, shards are handed over one by one while
    callers are still answered. Raises `StartFailed` when a port is taken or etcd cannot be reached.
    """
    arm_failpoints(settings.failpoints)
    async with AsyncExitStack() as stack:
        stack.enter_context(exposed_metrics(settings))
        stack.enter_context(shown_host(host))
        address = await server.start()
        stack.push_async_callback(host.close)
        if etcd is None:
            await _own_everything(host, clock, max(1, settings.shard_threads))
            await server.set_ready(True, range(host.shard_count))
            await server.run_until_signal(on_drain=host.close)
            return
        ownership = _ownership(server, host, settings, etcd, address)
        stack.push_async_callback(ownership.close)
        host.owner_address = lambda shard: _address(shard_map, shard)
        # Ready before found: whoever learns the address may call it at once.
        await server.set_ready(True)
        try:
            await ownership.start()
        except ServiceError as failure:
            await server.drain_and_stop()
            raise StartFailed(f"{settings.service}: cannot join the mesh: {failure}") from None
        await server.run_until_signal(on_drain=lambda: ownership.drain(settings.stop_grace_s))


def _ownership(
    server: MeshServer, host: ShardHost[Any], settings: MeshSettings, etcd: EtcdClient, address: str
) -> Ownership:
    def announce(owned: Mapping[int, int]) -> None:
        start_background(server.set_ready(True, tuple(owned)), "announce shards")

    ownership = Ownership(
        etcd,
        service=settings.service,
        instance=settings.instance,
        address=address,
        shard_count=host.shard_count,
        handler=host,
        limits=OwnershipLimits.from_settings(settings),
        on_change=announce,
    )
    host.alive = ownership.alive
    host.on_failed = ownership.shard_failed
    return ownership


async def _own_everything(host: ShardHost[Any], clock: Clock, takes_max: int) -> None:
    """Takes all shards under an epoch that rises with every start, as there is no etcd to count."""
    epoch = clock.now_ms()
    room = asyncio.Semaphore(takes_max)

    async def take(shard: int) -> None:
        async with room:
            try:
                await host.take(shard, epoch)
            except EpochFenced as fenced:
                # The clock went back since the last start. Nobody else owns anything, so what was is over.
                await host.take(shard, int(fenced.metadata["seen_epoch"]) + 1)

    try:
        async with asyncio.TaskGroup() as takes:
            for shard in range(host.shard_count):
                takes.create_task(take(shard))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _address(shard_map: ShardMap, shard: int) -> str | None:
    owner = shard_map.owner(shard)
    return None if owner is None else owner.address

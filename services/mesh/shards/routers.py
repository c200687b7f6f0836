"""How the services that a process calls are found: in etcd, or at fixed addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.etcd.client import EtcdClient
from services.mesh.server import StartFailed
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory, fixed_addresses
from services.mesh.shards.map import ShardMap, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.watched_map import EtcdShardMap


@asynccontextmanager
async def open_routers(
    settings: MeshSettings, clock: Clock, etcd: EtcdClient | None, services: Sequence[str]
) -> AsyncIterator[dict[str, ShardRouter]]:
    """Follows who owns the shards of these services, by short name, until the block ends.

    Raises `StartFailed` when etcd cannot be reached, or when there is none and an address is not fixed.
    """
    counts = shard_counts(settings)
    fixed = _fixed(settings)
    async with AsyncExitStack() as stack:
        routers = {}
        for service in services:
            try:
                shard_map = await _shard_map(service, counts[service], fixed, etcd, stack)
            except ServiceError as failure:
                raise StartFailed(f"{settings.service}: cannot find {service}: {failure}") from None
            routers[service] = ShardRouter(
                shard_map,
                clock=clock,
                backoff_ms_min=settings.backoff_ms_min,
                backoff_ms_max=settings.backoff_ms_max,
            )
        yield routers


@asynccontextmanager
async def open_directory(
    settings: MeshSettings, clock: Clock, etcd: EtcdClient | None, services: Sequence[str]
) -> AsyncIterator[Directory]:
    """Follows who the members of these services without shards are, until the block ends.

    Raises `StartFailed` as `open_routers` does.
    """
    directory = Directory(
        etcd,
        fixed=_fixed(settings),
        clock=clock,
        backoff_ms_min=settings.backoff_ms_min,
        backoff_ms_max=settings.backoff_ms_max,
    )
    try:
        try:
            await directory.start(services)
        except (ServiceError, ValueError) as failure:
            raise StartFailed(f"{settings.service}: cannot find {', '.join(services)}: {failure}") from None
        yield directory
    finally:
        await directory.close()


def shard_counts(settings: MeshSettings) -> dict[str, int]:
    """How many shards each sharded service has."""
    return {
        "allocation": settings.allocation_shards,
        "cards": settings.cards_shards,
        "settlement": settings.settlement_shards,
    }


def _fixed(settings: MeshSettings) -> Mapping[str, Sequence[str]]:
    try:
        return fixed_addresses(settings.service_addresses)
    except ValueError as failure:
        raise StartFailed(f"HONGBAO_SERVICE_ADDRESSES: {failure}") from None


async def _shard_map(
    service: str,
    shard_count: int,
    fixed: Mapping[str, Sequence[str]],
    etcd: EtcdClient | None,
    stack: AsyncExitStack,
) -> ShardMap:
    if service in fixed:
        return StaticShardMap.with_one_owner(service, shard_count, fixed[service][0])
    if etcd is None:
        raise StartFailed(f"HONGBAO_SERVICE_ADDRESSES: without etcd, {service} needs an address")
    watched = EtcdShardMap(etcd, service, shard_count)
    stack.push_async_callback(watched.close)
    await watched.start()
    return watched

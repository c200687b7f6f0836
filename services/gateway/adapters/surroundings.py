"""How the services behind the gateway are found: in etcd, or at fixed addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.gateway.settings import GatewaySettings
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.connect import connect
from services.mesh.server import StartFailed
from services.mesh.shards.directory import Directory
from services.mesh.shards.map import ShardMap, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.watched_map import EtcdShardMap

MEMBERS = ("identity", "social")
"""Services without shards."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who is where."""

    directory: Directory
    routers: dict[str, ShardRouter]
    """Of the sharded services, by name."""


@asynccontextmanager
async def find_surroundings(settings: GatewaySettings, clock: Clock) -> AsyncIterator[Surroundings]:
    """Watches members and owners until the block ends. Raises `StartFailed` when etcd cannot be reached."""
    fixed = _fixed_addresses(settings)
    async with AsyncExitStack() as stack:
        etcd = connect(settings, clock)
        if etcd is not None:
            stack.push_async_callback(etcd.close)
        directory = Directory(
            etcd,
            fixed=fixed,
            clock=clock,
            backoff_ms_min=settings.backoff_ms_min,
            backoff_ms_max=settings.backoff_ms_max,
        )
        stack.push_async_callback(directory.close)
        try:
            await directory.start(MEMBERS)
            maps = {
                service: await _shard_map(service, shards, fixed, etcd, stack)
                for service, shards in _shard_counts(settings).items()
            }
        except (ServiceError, ValueError) as failure:
            raise StartFailed(f"gateway: cannot find the other services: {failure}") from None
        routers = {
            service: ShardRouter(
                shard_map,
                clock=clock,
                backoff_ms_min=settings.backoff_ms_min,
                backoff_ms_max=settings.backoff_ms_max,
            )
            for service, shard_map in maps.items()
        }
        yield Surroundings(directory, routers)


def _shard_counts(settings: GatewaySettings) -> dict[str, int]:
    return {
        "allocation": settings.allocation_shards,
        "cards": settings.cards_shards,
        "settlement": settings.settlement_shards,
    }


async def _shard_map(
    service: str,
    shard_count: int,
    fixed: Mapping[str, tuple[str, ...]],
    etcd: EtcdClient | None,
    stack: AsyncExitStack,
) -> ShardMap:
    if service in fixed:
        return StaticShardMap.with_one_owner(service, shard_count, fixed[service][0])
    if etcd is None:
        raise ValueError(f"{service} has no fixed address, and there is no etcd to ask")
    watched = EtcdShardMap(etcd, service, shard_count)
    stack.push_async_callback(watched.close)
    await watched.start()
    return watched


def _fixed_addresses(settings: GatewaySettings) -> dict[str, tuple[str, ...]]:
    """Addresses by service, from words such as `identity=127.0.0.1:7001`."""
    fixed: dict[str, tuple[str, ...]] = {}
    for word in settings.service_addresses:
        service, separator, address = word.partition("=")
        if not (service and separator and address):
            raise StartFailed(f"HONGBAO_SERVICE_ADDRESSES: {word!r} is not of the form service=host:port")
        fixed[service] = (*fixed.get(service, ()), address)
    return fixed

"""etcd and allocation processes that share the shards: what `bench failover` joins, drains and kills."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from services.allocation.domain.values import Packets
from services.cli.bench.allocation_process import prepare_part
from services.cli.bench.workplace import Workplace, free_port
from services.cli.local_mesh.process import ChildProcess, ProcessFailed
from services.mesh.channel import ChannelFactory
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.process import EtcdMember, EtcdNotFound, etcd_command, find_etcd
from services.mesh.settings import MeshSettings
from services.mesh.shards.map import ShardOwner
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.watched_map import EtcdShardMap

SERVICE = "allocation"
START_TIMEOUT_S = 120.0
DRAIN_GRACE_S = 60.0


@dataclass(frozen=True, slots=True)
class Handover:
    """A shard that went from one owner to another, as callers saw it."""

    shard: int
    left_s: float
    """When its owner was gone from the map, on the monotonic clock."""
    arrived_s: float
    """When the next one was there."""

    @property
    def without_owner_ms(self) -> float:
        """How long there was nobody to ask, milliseconds."""
        return (self.arrived_s - self.left_s) * 1000


@dataclass(slots=True)
class FailoverMesh:
    """The processes, and who owns what."""

    place: Workplace
    owners: EtcdShardMap
    router: ShardRouter
    channels: ChannelFactory
    settings: dict[str, str]
    members: dict[str, ChildProcess] = field(default_factory=dict)
    handovers: list[Handover] = field(default_factory=list)
    """All that were seen, in the order of their arrival."""

    def join(self, name: str) -> None:
        """Starts a process; it gets its share of the shards as soon as it is there."""
        settings = {**self.settings, "HONGBAO_LISTEN_PORT": str(free_port())}
        self.members[name] = self.place.start_service(SERVICE, name, settings)

    async def drain(self, name: str) -> None:
        """Ends a process in order: it hands over what it owns."""
        await self.place.stop(self.members.pop(name), DRAIN_GRACE_S)

    def kill(self, name: str) -> float:
        """Ends a process as a power cut would; returns when, on the monotonic clock."""
        child = self.members.pop(name)
        killed_s = time.monotonic()
        child.kill()
        self.place.children.remove(child)
        return killed_s

    def owned_by(self, name: str) -> list[int]:
        """The shards that callers find at a process."""
        return [shard for shard, owner in self.owners.owners().items() if owner.instance == name]

    async def until_balanced(self) -> None:
        """Waits until all shards have owners, and the living share them evenly. Raises `ProcessFailed`."""
        shares = self.owners.shard_count // len(self.members)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while True:
                    version = self.owners.version
                    if all(len(self.owned_by(name)) >= shares for name in self.members) and (
                        len(self.owners.owners()) == self.owners.shard_count
                    ):
                        return
                    await self.owners.changed(version)
        except TimeoutError:
            raise ProcessFailed(self._what_is_wrong()) from None

    async def prepare(self, round_id: str, packets: Packets) -> None:
        """Gives every shard a part of this size."""
        for shard, owner in sorted(self.owners.owners().items()):
            await prepare_part(self.channels, owner.address, round_id, shard, packets)

    async def follow(self) -> None:
        """Writes down every handover, until cancelled."""
        left_s: dict[int, float] = {}
        before: dict[int, ShardOwner] = dict(self.owners.owners())
        while True:
            version = self.owners.version
            now, now_s = dict(self.owners.owners()), time.monotonic()
            for shard in range(self.owners.shard_count):
                if before.get(shard) == now.get(shard):
                    continue
                left_s.setdefault(shard, now_s)
                if shard in now:
                    self.handovers.append(Handover(shard, left_s.pop(shard), now_s))
            before = now
            await self.owners.changed(version)

    def _what_is_wrong(self) -> str:
        dead = [child.death_notice() for child in self.members.values() if child.exit_code is not None]
        owned = ", ".join(f"{name} has {len(self.owned_by(name))}" for name in self.members)
        return dead[0] if dead else f"the shards are not shared out after {START_TIMEOUT_S:.0f} s: {owned}"


@asynccontextmanager
async def running_mesh(place: Workplace, shards: int, lease_s: int) -> AsyncIterator[FailoverMesh]:
    """The mesh once etcd runs, and with nothing else in it. Raises `ProcessFailed`."""
    async with AsyncExitStack() as stack:
        endpoint = await _start_etcd(place)
        etcd = await stack.enter_async_context(EtcdClient([endpoint]))
        owners = EtcdShardMap(etcd, SERVICE, shards)
        stack.push_async_callback(owners.close)
        await owners.start()
        channels = ChannelFactory(MeshSettings(), SERVICE)
        stack.push_async_callback(channels.close)
        settings = {
            "HONGBAO_ETCD_ENDPOINTS": endpoint,
            "HONGBAO_ALLOCATION_SHARDS": str(shards),
            "HONGBAO_SETTLEMENT_SHARDS": "1",
            "HONGBAO_LEASE_TTL_S": str(lease_s),
        }
        mesh = FailoverMesh(place, owners, ShardRouter(owners), channels, settings)
        following = asyncio.create_task(mesh.follow())
        try:
            yield mesh
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _start_etcd(place: Workplace) -> str:
    try:
        binary = find_etcd()
    except EtcdNotFound as missing:
        raise ProcessFailed(f"etcd is missing ({missing})") from missing
    member = EtcdMember("bench", place.folder / "etcd", free_port(), free_port())
    child = place.start("etcd", etcd_command(binary, member), {})
    await place.until_listening(child, member.client_port)
    return member.endpoint

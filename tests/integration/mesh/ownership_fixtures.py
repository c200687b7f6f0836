"""A sharded service whose instances live in one process, and a witness who objects to two owners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from services.mesh.clock import SystemClock
from services.mesh.etcd.client import EtcdClient
from services.mesh.shards.ownership import Ownership, OwnershipLimits
from services.mesh.shards.records import ServiceKeys
from tests.integration.mesh.etcd_fixtures import eventually

SHARDS = 8
# Long enough that a busy machine loses no session unless a test wants it to.
LIMITS = OwnershipLimits(lease_ttl_s=10, backoff_ms_max=100)
SHORT_LIVED = replace(LIMITS, lease_ttl_s=2)


class Witness:
    """Sees what every instance does with every shard, and objects to two owners or to an old epoch."""

    def __init__(self) -> None:
        self.holders: dict[int, tuple[str, int]] = {}
        self.epochs: dict[int, list[int]] = {}
        self.takes: Counter[str] = Counter()

    def took(self, instance: str, shard: int, epoch: int) -> None:
        assert shard not in self.holders, f"{instance} took {shard} from {self.holders[shard]}"
        assert epoch > max(self.epochs.get(shard, [0]))
        self.holders[shard] = (instance, epoch)
        self.epochs.setdefault(shard, []).append(epoch)
        self.takes[instance] += 1

    def let_go(self, instance: str, shard: int) -> None:
        assert self.holders.pop(shard)[0] == instance


class Instance:
    """One process of the service, as far as ownership goes; it is its own handler."""

    def __init__(
        self, client: EtcdClient, service: str, name: str, witness: Witness, limits: OwnershipLimits
    ) -> None:
        self.name = name
        self.witness = witness
        self.given: list[int] = []
        self.lost: list[int] = []
        self.told: list[Mapping[int, int]] = []
        self.warmed: list[int] = []
        self.cooled: list[int] = []
        self.given_to_warm = 0
        self.before_take: Callable[[int], Awaitable[None]] | None = None
        self.before_warm: Callable[[int], Awaitable[None]] | None = None
        self._held: set[int] = set()
        self.ownership = Ownership(
            client,
            service=service,
            instance=name,
            address=f"{name}:1",
            shard_count=SHARDS,
            handler=self,
            limits=limits,
            on_change=self.told.append,
        )

    async def take(self, shard: int, epoch: int) -> None:
        if self.before_take is not None:
            await self.before_take(shard)
        self.witness.took(self.name, shard, epoch)
        self._held.add(shard)

    async def warm(self, shard: int) -> None:
        if self.before_warm is not None:
            await self.before_warm(shard)
        self.warmed.append(shard)

    def cool(self, shard: int) -> None:
        self.cooled.append(shard)

    async def give(self, shard: int, *, to_warm: bool = False) -> None:
        self.given.append(shard)
        self.given_to_warm += to_warm
        self._let_go(shard)

    async def lose(self, shard: int) -> None:
        self.lost.append(shard)
        if shard in self._held:
            self._let_go(shard)

    def cut_off(self) -> None:
        """As if its packets did not arrive any more: it says nothing to etcd, and learns nothing."""
        term = self.ownership._term
        assert term is not None
        term.session._tasks[0].cancel()

    def _let_go(self, shard: int) -> None:
        self._held.discard(shard)
        self.witness.let_go(self.name, shard)


class Service:
    """A service under test, with as many instances as asked for."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.name = name
        self.keys = ServiceKeys(name)
        self.witness = Witness()
        self.client = EtcdClient([endpoint])
        self._endpoint = endpoint
        self._stack = AsyncExitStack()
        self._stack.push_async_callback(self.client.close)

    def instance(
        self, name: str, *, limits: OwnershipLimits = LIMITS, clock: SystemClock | None = None
    ) -> Instance:
        client = EtcdClient([self._endpoint], clock=clock)
        instance = Instance(client, self.name, name, self.witness, limits)
        self._stack.push_async_callback(client.close)
        self._stack.push_async_callback(instance.ownership.close)
        return instance

    async def started(self, *names: str, limits: OwnershipLimits = LIMITS) -> list[Instance]:
        instances = [self.instance(name, limits=limits) for name in names]
        for instance in instances:
            await instance.ownership.start()
        return instances

    async def balanced(self, *instances: Instance) -> None:
        """Waits until these instances hold all shards, within one of one another."""

        def holds() -> bool:
            sizes = [len(instance.ownership.owned) for instance in instances]
            return sum(sizes) == SHARDS and max(sizes) - min(sizes) <= 1

        await eventually(holds)

    async def close(self) -> None:
        await self._stack.aclose()

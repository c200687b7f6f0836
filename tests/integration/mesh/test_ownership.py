"""Instances share the shards of a service over a real etcd, one owner at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from services.mesh.clock import SystemClock
from services.mesh.etcd.client import EtcdClient
from services.mesh.journal.port import EpochFenced
from services.mesh.shards.directory import Directory, NoMember
from services.mesh.shards.errors import ShardNotOwned
from services.mesh.shards.map import ShardOwner
from services.mesh.shards.membership import Membership
from services.mesh.shards.ownership import Ownership, OwnershipLimits
from services.mesh.shards.records import ServiceKeys
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.watched_map import EtcdShardMap
from tests.integration.mesh.etcd_fixtures import EtcdServer, eventually, shared_etcd

SHARDS = 8
# Long enough that a busy machine loses no session unless a test wants it to.
LIMITS = OwnershipLimits(lease_ttl_s=10, backoff_ms_max=100)
SHORT_LIVED = replace(LIMITS, lease_ttl_s=2)


class SkippingClock(SystemClock):
    """A clock that can have gone on while nothing of its process ran."""

    skipped_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.skipped_s


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
        self.before_take: Callable[[int], Awaitable[None]] | None = None
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

    async def give(self, shard: int) -> None:
        self.given.append(shard)
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    with shared_etcd(tmp_path_factory.mktemp("etcd")) as server:
        yield server


@pytest.fixture
async def service(server: EtcdServer, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    service = Service(server.endpoint, request.node.name)
    yield service
    await service.close()


async def test_the_first_instance_takes_everything_and_is_announced_after_it_has(service: Service) -> None:
    gate = asyncio.Event()
    first = service.instance("a")
    first.before_take = lambda _: _wait(gate)
    await first.ownership.start()
    shard_map = EtcdShardMap(service.client, service.name, SHARDS)
    await shard_map.start()
    keys = service.keys
    await eventually(lambda: _has_keys(service, SHARDS))
    assert shard_map.owners() == {}
    assert first.ownership.owned == {}
    gate.set()
    await eventually(lambda: len(shard_map.owners()) == SHARDS)
    claim = await service.client.get(keys.shard(3))
    assert claim is not None
    assert shard_map.owner(3) == ShardOwner("a", "a:1", claim.create_revision)
    await eventually(lambda: len(first.ownership.owned) == SHARDS)
    assert first.ownership.owned[3] == claim.create_revision
    assert first.told[-1] == first.ownership.owned
    await shard_map.close()


async def test_two_instances_share_and_a_third_takes_the_fewest_possible(service: Service) -> None:
    first, second = await service.started("a", "b")
    await service.balanced(first, second)
    takes = service.witness.takes.copy()
    [third] = await service.started("c")
    await service.balanced(first, second, third)
    assert service.witness.takes - takes == {"c": 2}
    assert (first.lost, second.lost) == ([], [])


async def test_an_instance_that_drains_hands_its_shards_over_one_by_one(service: Service) -> None:
    first, second = await service.started("a", "b")
    await service.balanced(first, second)
    await first.ownership.drain(timeout_s=5.0)
    await service.balanced(second)
    assert first.lost == []
    assert first.ownership.owned == {}
    assert not first.ownership.alive()
    assert [entry.key for entry in (await service.client.range_prefix(service.keys.members)).key_values] == [
        service.keys.member("b")
    ]


async def test_the_last_instance_gives_everything_and_leaves_no_owner_behind(service: Service) -> None:
    [only] = await service.started("a")
    await service.balanced(only)
    await only.ownership.drain(timeout_s=5.0)
    assert sorted(only.given) == list(range(SHARDS))
    assert (await service.client.range_prefix(service.keys.shards)).key_values == ()
    await only.ownership.drain(timeout_s=5.0)


async def test_an_instance_that_is_cut_off_loses_its_shards_before_others_take_them(
    service: Service,
) -> None:
    # The one cut off is also the planner, since it came first.
    first, second = await service.started("a", "b", limits=SHORT_LIVED)
    await service.balanced(first, second)
    epochs, given = first.ownership.owned, list(first.given)
    first.cut_off()
    await eventually(lambda: len(first.lost) == SHARDS // 2)
    # The witness objects if a shard were taken before it was lost. The old owner comes back by itself.
    await eventually(lambda: all(len(service.witness.epochs[shard]) > 1 for shard in epochs))
    await service.balanced(first, second)
    assert first.given == given


async def test_an_instance_that_was_frozen_owns_nothing_from_its_first_step(service: Service) -> None:
    clock = SkippingClock()
    frozen = service.instance("a", limits=SHORT_LIVED, clock=clock)
    await frozen.ownership.start()
    await service.balanced(frozen)
    epochs = frozen.ownership.owned
    clock.skipped_s += SHORT_LIVED.lease_ttl_s
    assert frozen.ownership.owned == {}
    assert not frozen.ownership.alive()
    await eventually(lambda: len(frozen.lost) == SHARDS)
    await service.balanced(frozen)
    assert all(frozen.ownership.owned[shard] > epoch for shard, epoch in epochs.items())


async def test_a_shard_that_cannot_be_taken_is_released_and_tried_again_under_a_higher_epoch(
    service: Service,
) -> None:
    refusals = iter(range(2))

    async def fence(shard: int) -> None:
        if shard == 5 and next(refusals, None) is not None:
            raise EpochFenced("someone else has written", shard=shard)

    instance = service.instance("a")
    instance.before_take = fence
    await instance.ownership.start()
    await service.balanced(instance)
    assert next(refusals, None) is None
    assert instance.lost == []
    assert instance.ownership.owned[5] == max(instance.ownership.owned.values())


async def test_a_shard_that_is_not_loaded_in_time_is_lost_and_tried_again(service: Service) -> None:
    attempts: Counter[int] = Counter()

    async def hang_once(shard: int) -> None:
        attempts[shard] += 1
        if shard == 5 and attempts[shard] == 1:
            await asyncio.Event().wait()

    instance = service.instance("a", limits=replace(LIMITS, take_timeout_s=0.2))
    instance.before_take = hang_once
    await instance.ownership.start()
    await service.balanced(instance)
    assert instance.lost == [5]


async def test_a_shard_that_failed_at_its_handler_is_taken_anew(service: Service) -> None:
    [instance] = await service.started("a")
    await service.balanced(instance)
    epoch = instance.ownership.owned[2]
    instance._let_go(2)
    instance.ownership.shard_failed(2, OSError("disk full"))
    await eventually(lambda: instance.ownership.owned.get(2, 0) > epoch)
    assert (instance.given, instance.lost) == ([], [])


async def test_a_shard_whose_key_was_deleted_by_an_operator_is_lost_and_taken_anew(service: Service) -> None:
    [instance] = await service.started("a")
    await service.balanced(instance)
    epoch = instance.ownership.owned[2]
    await service.client.delete(service.keys.shard(2))
    await eventually(lambda: instance.ownership.owned.get(2, 0) > epoch)
    assert instance.lost == [2]


async def test_calls_reach_the_owner_while_shards_move(service: Service) -> None:
    first, second = await service.started("a", "b")
    await service.balanced(first, second)
    shard_map = EtcdShardMap(service.client, service.name, SHARDS)
    await shard_map.start()
    router = ShardRouter(shard_map)
    instances = {f"{instance.name}:1": instance for instance in (first, second)}

    async def ask(shard: int) -> str:
        async def attempt(address: str, _timeout_s: float) -> str:
            if shard not in instances[address].ownership.owned:
                raise ShardNotOwned("moved", shard=shard)
            return address

        return await router.call(shard, attempt, 5.0)

    draining = asyncio.create_task(first.ownership.drain(timeout_s=5.0))
    answered: Counter[str] = Counter()
    while not draining.done():
        answered.update(await asyncio.gather(*(ask(shard) for shard in range(SHARDS))))
    await draining
    assert set(await asyncio.gather(*(ask(shard) for shard in range(SHARDS)))) == {"b:1"}
    assert answered["b:1"] > 0
    await shard_map.close()


async def test_members_are_found_while_they_are_there(service: Service) -> None:
    directory = Directory(service.client)
    await directory.start([service.name])
    with pytest.raises(NoMember):
        await directory.address(service.name, timeout_s=0.01)
    members = [
        Membership(service.client, service=service.name, instance=name, address=f"{name}:1", lease_ttl_s=1)
        for name in ("x", "y")
    ]
    waiting = asyncio.create_task(directory.address(service.name, timeout_s=5.0))
    for member in members:
        await member.start()
    assert await waiting == "x:1"
    await eventually(lambda: directory.addresses(service.name) == ("x:1", "y:1"))
    await members[0].close()
    await eventually(lambda: directory.addresses(service.name) == ("y:1",))

    lost = members[1]._session
    assert lost is not None
    await service.client.revoke(lost.lease_id)
    await eventually(lambda: directory.addresses(service.name) == ())
    await eventually(lambda: directory.addresses(service.name) == ("y:1",))
    await members[1].close()
    await directory.close()


async def _wait(gate: asyncio.Event) -> None:
    await gate.wait()


async def _has_keys(service: Service, count: int) -> bool:
    return len((await service.client.range_prefix(service.keys.shards)).key_values) == count

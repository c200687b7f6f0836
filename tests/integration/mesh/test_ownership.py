"""Instances share the shards of a service over a real etcd, one owner at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.mesh.journal.port import EpochFenced
from services.mesh.shards.directory import Directory, NoMember
from services.mesh.shards.errors import ShardNotOwned
from services.mesh.shards.map import ShardOwner
from services.mesh.shards.membership import Membership
from services.mesh.shards.records import read_plan
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.term import Term
from services.mesh.shards.watched_map import EtcdShardMap
from tests.integration.mesh.etcd_fixtures import EtcdServer, SkippingClock, eventually
from tests.integration.mesh.ownership_fixtures import LIMITS, SHARDS, SHORT_LIVED, Service


@pytest.fixture
async def service(shared_etcd_server: EtcdServer, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    service = Service(shared_etcd_server.endpoint, request.node.name)
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


async def test_an_owner_serves_on_until_the_next_one_has_loaded_the_shard(service: Service) -> None:
    [first] = await service.started("a")
    await service.balanced(first)
    gate = asyncio.Event()
    second = service.instance("b")
    second.before_warm = lambda _: _wait(gate)
    await second.ownership.start()
    planned = await _planned_for(service, "b")
    # The plan says so, and nothing happens: the shard is served where it was.
    await service.client.put(f"{service.keys.root}something", b"else")
    assert first.ownership.owned.keys() == set(range(SHARDS))
    assert second.ownership.owned == {}
    gate.set()
    await service.balanced(first, second)
    assert planned <= second.ownership.owned.keys()
    assert sorted(second.warmed) == sorted(second.ownership.owned)
    assert first.given_to_warm == SHARDS // 2
    # Nothing of it is left, so that the next handoff of the same shard is waited for again.
    await eventually(lambda: _has_none_ready(service))


async def test_an_owner_waits_for_the_next_one_no_longer_than_set(service: Service) -> None:
    impatient = replace(LIMITS, warm_wait_s=0.05)
    first, second = service.instance("a", limits=impatient), service.instance("b", limits=impatient)
    await first.ownership.start()
    await service.balanced(first)
    second.before_warm = lambda _: _wait(asyncio.Event())
    await second.ownership.start()
    await service.balanced(first, second)
    assert first.given_to_warm == 0


async def test_a_shard_that_cannot_be_loaded_ahead_is_taken_without(service: Service) -> None:
    [first] = await service.started("a")
    await service.balanced(first)
    second = service.instance("b")

    async def fail(_shard: int) -> None:
        raise OSError("this disk is broken")

    second.before_warm = fail
    await second.ownership.start()
    await service.balanced(first, second)
    assert second.warmed == []


async def test_what_was_loaded_ahead_is_forgotten_when_the_plan_changes(service: Service) -> None:
    [first] = await service.started("a")
    await service.balanced(first)
    second, begun = service.instance("b"), set[int]()

    async def begin(shard: int) -> None:
        begun.add(shard)
        await asyncio.Event().wait()

    second.before_warm = begin
    await second.ownership.start()
    await eventually(lambda: bool(begun))
    await second.ownership.drain(timeout_s=0.5)
    assert begun <= set(second.cooled)
    await service.balanced(first)
    assert first.given == []


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


async def test_an_instance_whose_term_fails_for_a_reason_unheard_of_begins_another(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    [instance] = await service.started("a", limits=SHORT_LIVED)
    await service.balanced(instance)
    joins = Counter[str]()
    join = Term.join

    async def stumble(term: Term) -> None:
        joins["again"] += 1
        if joins["again"] == 1:
            raise RuntimeError("nobody thought of this")
        await join(term)

    monkeypatch.setattr(Term, "join", stumble)
    term = instance.ownership._term
    assert term is not None
    await service.client.revoke(term.session.lease_id)
    await eventually(lambda: joins["again"] > 1)
    await service.balanced(instance)


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


async def test_an_instance_that_can_never_take_a_shard_is_not_planned_for_ever(
    service: Service,
) -> None:
    limits = replace(LIMITS, takes_max=2, refuse_s=60.0)
    broken, attempts = service.instance("a", limits=limits), Counter[int]()

    async def fail(shard: int) -> None:
        attempts[shard] += 1
        if shard % 2:
            raise OSError("this disk is broken")

    broken.before_take = fail
    await broken.ownership.start()
    await eventually(lambda: len(broken.ownership.owned) == SHARDS // 2)
    [sound] = await service.started("b")
    # The sound one gets its share, and beyond it whatever the other cannot take.
    await eventually(lambda: {1, 3, 5, 7} <= sound.ownership.owned.keys())
    await eventually(lambda: len(broken.ownership.owned) + len(sound.ownership.owned) == SHARDS)
    assert min(attempts[shard] for shard in (1, 3, 5, 7)) >= limits.takes_max


async def test_a_shard_that_was_refused_is_offered_again_after_a_while(service: Service) -> None:
    sound_again = asyncio.Event()
    limits = replace(LIMITS, takes_max=1, refuse_s=0.1)
    first, second = service.instance("a", limits=limits), service.instance("b", limits=limits)

    async def fail(_shard: int) -> None:
        if not sound_again.is_set():
            raise OSError("this disk is broken")

    second.before_take = fail
    await first.ownership.start()
    await service.balanced(first)
    await second.ownership.start()
    keys = service.keys

    async def is_refused() -> bool:
        return bool((await service.client.range_prefix(keys.refusals)).key_values)

    await eventually(is_refused)
    sound_again.set()
    await service.balanced(first, second)


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


async def _planned_for(service: Service, instance: str) -> set[int]:
    """The shards that the plan gives to an instance, once it gives it any."""
    planned: set[int] = set()

    async def is_planned() -> bool:
        entries = {
            entry.key: entry for entry in (await service.client.range_prefix(service.keys.plan)).key_values
        }
        plan = read_plan(service.keys, entries)
        planned.update(shard for shard, owner in plan.items() if owner == instance)
        return bool(planned)

    await eventually(is_planned)
    return planned


async def _has_none_ready(service: Service) -> bool:
    return not (await service.client.range_prefix(service.keys.ready)).key_values


async def _wait(gate: asyncio.Event) -> None:
    await gate.wait()


async def _has_keys(service: Service, count: int) -> bool:
    return len((await service.client.range_prefix(service.keys.shards)).key_values) == count

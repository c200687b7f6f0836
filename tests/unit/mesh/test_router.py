"""Calls find the owner of a shard, and find it again when it has moved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.interceptors.deadline import DeadlineTooShort
from services.mesh.shards.directory import Directory, NoMember, fixed_addresses
from services.mesh.shards.errors import ShardNotOwned
from services.mesh.shards.map import NoOwner, ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter

FIRST = ShardOwner("a", "a:1", epoch=1)
SECOND = ShardOwner("b", "b:1", epoch=2)


class Unreachable(ServiceError):
    kind = ErrorKind.UNAVAILABLE
    reason = "UNREACHABLE"


class BankSilent(ServiceError):
    kind = ErrorKind.UNAVAILABLE
    domain = "hongbao.identity"
    reason = "BANK_SILENT"


class SoldOut(ServiceError):
    kind = ErrorKind.PRECONDITION
    reason = "SOLD_OUT"


class Mesh:
    """Answers calls by address; an address without an answer raises."""

    def __init__(self, answers: dict[str, str | ServiceError]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, float]] = []

    async def attempt(self, address: str, timeout_s: float) -> str:
        self.asked.append((address, timeout_s))
        answer = self.answers[address]
        if isinstance(answer, ServiceError):
            raise answer
        return answer


class Frozen(Mesh):
    """A mesh whose first owner takes calls and says nothing until it thaws."""

    def __init__(self, answers: dict[str, str | ServiceError]) -> None:
        super().__init__(answers)
        self.thawed = asyncio.Event()
        self.cancelled: list[str] = []

    async def attempt(self, address: str, timeout_s: float) -> str:
        if address in self.answers:
            return await super().attempt(address, timeout_s)
        self.asked.append((address, timeout_s))
        try:
            await self.thawed.wait()
        except asyncio.CancelledError:
            self.cancelled.append(address)
            raise
        return "late"


async def test_a_call_goes_to_the_owner_with_the_time_there_is() -> None:
    mesh = Mesh({"a:1": "yes"})
    router = ShardRouter(StaticShardMap("cards", 2, {1: FIRST}), clock=ManualClock())
    assert await router.call(1, mesh.attempt, 2.0) == "yes"
    assert mesh.asked == [("a:1", 2.0)]


@pytest.mark.parametrize("refusal", [ShardNotOwned("moved", shard=0), Unreachable("no route")])
async def test_a_call_follows_the_shard_as_soon_as_the_map_changes(refusal: ServiceError) -> None:
    clock, mesh = ManualClock(), Mesh({"a:1": refusal, "b:1": "yes"})
    shard_map = StaticShardMap("cards", 1, {0: FIRST})
    router = ShardRouter(shard_map, clock=clock, backoff_ms_min=1000, backoff_ms_max=1000)
    call = await begun(router.call(0, mesh.attempt, 5.0), clock)
    await clock.advance(0.1)
    shard_map.assign(0, SECOND)
    assert await call == "yes"
    assert [address for address, _ in mesh.asked] == ["a:1", "b:1"]
    assert mesh.asked[1][1] == pytest.approx(4.9)


async def test_an_owner_that_was_not_ready_is_asked_again_after_a_pause() -> None:
    clock, mesh = ManualClock(), Mesh({"a:1": ShardNotOwned("not yet", shard=0)})
    router = ShardRouter(StaticShardMap("cards", 1, {0: FIRST}), clock=clock)
    call = await begun(router.call(0, mesh.attempt, 5.0), clock)
    mesh.answers["a:1"] = "yes"
    await clock.advance(0.01)
    assert await call == "yes"
    assert len(mesh.asked) == 2


async def test_a_call_waits_for_an_owner_to_appear() -> None:
    clock, mesh = ManualClock(), Mesh({"a:1": "yes"})
    shard_map = StaticShardMap("cards", 1)
    call = await begun(ShardRouter(shard_map, clock=clock).call(0, mesh.attempt, 5.0), clock)
    await clock.advance(3.0)
    shard_map.assign(0, FIRST)
    assert await call == "yes"


async def test_without_an_owner_until_the_deadline_the_error_says_so_and_when_to_retry() -> None:
    clock = ManualClock()
    router = ShardRouter(StaticShardMap("cards", 1), clock=clock)
    call = await begun(router.call(0, Mesh({}).attempt, 5.0), clock)
    await clock.advance(5.1)
    with pytest.raises(NoOwner) as raised:
        await call
    assert raised.value.kind is ErrorKind.UNAVAILABLE
    assert raised.value.retry_delay_ms
    assert raised.value.metadata == {"service": "cards", "shard": "0"}


async def test_a_shard_that_no_owner_holds_until_the_deadline_is_worth_another_try() -> None:
    clock, mesh = ManualClock(), Mesh({"a:1": ShardNotOwned("moved", shard=0)})
    router = ShardRouter(StaticShardMap("cards", 1, {0: FIRST}), clock=clock)
    call = await begun(router.call(0, mesh.attempt, 1.0), clock)
    await clock.advance(1.1)
    with pytest.raises(NoOwner) as raised:
        await call
    assert raised.value.kind is ErrorKind.UNAVAILABLE


async def test_retries_end_with_the_deadline_and_pass_the_last_error_on() -> None:
    clock, mesh = ManualClock(), Mesh({"a:1": Unreachable("no route")})
    router = ShardRouter(StaticShardMap("cards", 1, {0: FIRST}), clock=clock)
    call = await begun(router.call(0, mesh.attempt, 1.0), clock)
    await clock.advance(1.1)
    with pytest.raises(Unreachable):
        await call
    assert 4 <= len(mesh.asked) <= 16
    assert min(timeout_s for _, timeout_s in mesh.asked) >= 0.005


async def test_an_owner_that_is_frozen_does_not_use_up_the_deadline() -> None:
    clock, frozen = ManualClock(), Frozen({"b:1": "yes"})
    shard_map = StaticShardMap("cards", 2, {0: FIRST, 1: FIRST})
    router = ShardRouter(shard_map, clock=clock)
    call = await begun(router.call(0, frozen.attempt, 5.0), clock)
    # Another shard's move, and the moment without an owner, are no reason to stop waiting.
    shard_map.assign(1, SECOND)
    shard_map.assign(0, None)
    await clock.advance(1.0)
    assert (frozen.asked, frozen.cancelled) == ([("a:1", 5.0)], [])
    shard_map.assign(0, SECOND)
    assert await call == "yes"
    assert frozen.cancelled == ["a:1"]
    assert clock.monotonic_s() < 2.0


async def test_a_call_that_its_caller_gives_up_is_not_sent_to_the_next_owner() -> None:
    clock, frozen = ManualClock(), Frozen({"b:1": "yes"})
    shard_map = StaticShardMap("cards", 1, {0: FIRST})
    call = await begun(ShardRouter(shard_map, clock=clock).call(0, frozen.attempt, 5.0), clock)
    call.cancel()
    shard_map.assign(0, SECOND)
    with pytest.raises(asyncio.CancelledError):
        await call
    assert [address for address, _ in frozen.asked] == ["a:1"]


async def test_a_move_in_the_moment_of_the_answer_leaves_nothing_behind() -> None:
    clock, frozen = ManualClock(), Frozen({"b:1": "yes"})
    shard_map = StaticShardMap("cards", 1, {0: FIRST})
    router = ShardRouter(shard_map, clock=clock)
    call = await begun(router.call(0, frozen.attempt, 5.0), clock)
    frozen.thawed.set()
    shard_map.assign(0, SECOND)
    assert await call in {"late", "yes"}
    assert not call.cancelling()


async def test_an_attempt_that_came_too_late_does_not_hide_what_became_of_the_one_before() -> None:
    clock = ManualClock()
    mesh = Mesh({"a:1": Unreachable("cut off"), "b:1": DeadlineTooShort("2 ms are left")})
    shard_map = StaticShardMap("cards", 1, {0: FIRST})
    router = ShardRouter(shard_map, clock=clock)
    call = await begun(router.call(0, mesh.attempt, 1.0), clock)
    shard_map.assign(0, SECOND)
    await clock.advance(0.5)
    with pytest.raises(Unreachable):
        await call
    assert [address for address, _ in mesh.asked] == ["a:1", "b:1"]


async def test_an_attempt_that_came_too_late_after_one_at_no_owner_tells_of_no_owner() -> None:
    clock = ManualClock()
    mesh = Mesh({"a:1": ShardNotOwned("cards shard 0 is not held here"), "b:1": DeadlineTooShort("2 ms")})
    shard_map = StaticShardMap("cards", 1, {0: FIRST})
    call = await begun(ShardRouter(shard_map, clock=clock).call(0, mesh.attempt, 1.0), clock)
    shard_map.assign(0, SECOND)
    await clock.advance(0.5)
    with pytest.raises(NoOwner):
        await call


async def test_an_owner_that_refuses_the_only_attempt_for_want_of_time_is_believed() -> None:
    mesh = Mesh({"a:1": DeadlineTooShort("2 ms are left")})
    router = ShardRouter(StaticShardMap("cards", 1, {0: FIRST}), clock=ManualClock())
    with pytest.raises(DeadlineTooShort):
        await router.call(0, mesh.attempt, 0.006)


async def test_an_answer_that_is_an_error_is_not_asked_for_twice() -> None:
    mesh = Mesh({"a:1": SoldOut("nothing left")})
    router = ShardRouter(StaticShardMap("cards", 1, {0: FIRST}), clock=ManualClock())
    with pytest.raises(SoldOut):
        await router.call(0, mesh.attempt, 1.0)
    assert len(mesh.asked) == 1


async def test_a_shard_that_does_not_exist_is_a_mistake_of_the_caller() -> None:
    router = ShardRouter(StaticShardMap("cards", 1, {0: FIRST}))
    with pytest.raises(ValueError, match="no shard 1"):
        await router.call(1, Mesh({}).attempt, 1.0)


async def test_a_stream_learns_that_its_shard_has_moved() -> None:
    shard_map = StaticShardMap("cards", 2, {0: FIRST, 1: FIRST})
    router = ShardRouter(shard_map)
    owner = await router.owner(0, 1.0)
    moved = asyncio.create_task(router.moved(0, owner))
    shard_map.assign(1, SECOND)
    await ManualClock().advance(0)
    assert not moved.done()
    shard_map.assign(0, ShardOwner("a", "a:1", epoch=3))
    await asyncio.wait_for(moved, 1.0)


async def test_members_are_asked_in_turn() -> None:
    directory = Directory(fixed={"identity": ["a:1", "b:1"]})
    assert [await directory.address("identity") for _ in range(3)] == ["a:1", "b:1", "a:1"]


async def test_a_member_that_is_down_is_passed_over() -> None:
    mesh = Mesh({"a:1": Unreachable("down"), "b:1": "yes"})
    directory = Directory(fixed={"identity": ["a:1", "b:1"]})
    assert await directory.call("identity", mesh.attempt, 1.0) == "yes"


@pytest.mark.parametrize("said", [SoldOut("no"), BankSilent("the bank does not answer")])
async def test_what_a_member_itself_says_passes_at_once(said: ServiceError) -> None:
    mesh = Mesh({"a:1": said, "b:1": "yes"})
    with pytest.raises(type(said)):
        await Directory(fixed={"identity": ["a:1", "b:1"]}).call("identity", mesh.attempt, 1.0)


@pytest.mark.parametrize(
    "lookup",
    [
        lambda directory: directory.address("social"),
        lambda directory: directory.call("social", Mesh({}).attempt, 1.0),
    ],
)
async def test_a_service_that_nobody_announced_is_not_found(
    lookup: Callable[[Directory], Awaitable[str]],
) -> None:
    with pytest.raises(NoMember):
        await lookup(Directory(fixed={"identity": ["a:1"]}))


async def test_a_service_without_an_address_cannot_be_watched_without_etcd() -> None:
    with pytest.raises(ValueError, match="social has no fixed address"):
        await Directory(fixed={"identity": ["a:1"]}).start(["identity", "social"])


def test_fixed_addresses_are_read_from_words() -> None:
    words = ["identity=a:1", "social=b:1", "identity=c:1"]
    assert fixed_addresses(words) == {"identity": ("a:1", "c:1"), "social": ("b:1",)}


@pytest.mark.parametrize("word", ["identity", "identity=", "=a:1", "identity=a"])
def test_a_word_that_is_no_fixed_address_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="service=host:port"):
        fixed_addresses([word])


async def begun(call: Coroutine[None, None, str], clock: ManualClock) -> asyncio.Task[str]:
    """Starts a call and lets it come to its first wait."""
    task = asyncio.create_task(call)
    await clock.advance(0)
    return task

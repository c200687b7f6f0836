"""A closing that is cut off after any of its steps, and begun again, comes to the same decision."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from hongbao.cards.v1.events_pb2 import CardsEvent
from services.cards.adapters.records import from_record, to_record
from services.cards.adapters.state import CardsState
from services.cards.domain.events import (
    CardsDealt,
    Change,
    GameCreated,
    GameFunded,
    GameOrder,
    GamePrepared,
    PoolDecided,
    ShardSealed,
)
from services.cards.domain.exchanges.machine import ExchangeKind
from services.cards.domain.exchanges.opening import Wish, decide_opening
from services.cards.domain.lifecycle import GameLifecycle, finish_here, prepare_here, seal_here
from services.cards.domain.placement import home_of, shard_of_person
from services.cards.domain.sets.figures import ShardFigures
from services.cards.domain.sets.rules import decide_completions
from services.cards.domain.shard import CardsShard
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.supply.grants import DeckReceived, Grant, ShardSupply, SupplyGranted
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CARDS, CampaignId, PersonId, ShareMode, Source
from tests.unit.cards.games import DEADLINE_MS, OPENS_MS, SEED, SPRING, an_order

SHARDS = 2
HOME = home_of(SPRING, SHARDS)
SUPPLY = SupplyPlan(limits=(30,) * 5, quotas=(0, 200, 0, 0))
POOL_FEN = 10_000
PEOPLE = [PersonId(number) for number in range(1, 10)]


E = TypeVar("E")


class PowerCut(Exception):
    """Everything stops here."""


@dataclass
class Power:
    """Steps until the power goes; each write, each wait for a disk and each message is one."""

    left: int = 1_000_000
    used: int = 0

    def step(self) -> None:
        if not self.left:
            raise PowerCut
        self.left -= 1
        self.used += 1


@dataclass
class Disk:
    """A shard whose journal keeps what has reached the disk. `OwnedShard`."""

    number: int
    power: Power
    records: list[bytes] = field(default_factory=list)
    durable: int = 0

    def __post_init__(self) -> None:
        self.folded = CardsState(self.number)

    @property
    def state(self) -> CardsShard:
        return self.folded.cards

    def commit(self, change: Change) -> Awaitable[int]:
        self.power.step()
        payload = to_record(change).SerializeToString()
        self.records.append(payload)
        self.folded.apply(len(self.records), OPENS_MS, CardsEvent.FromString(payload))
        return Durability(self)

    async def settled(self) -> None:
        self.power.step()
        self.durable = len(self.records)

    def lose_power(self) -> None:
        del self.records[self.durable :]
        self.folded = CardsState(self.number)
        for seq, payload in enumerate(self.records, start=1):
            self.folded.apply(seq, OPENS_MS, CardsEvent.FromString(payload))

    def events(self, kind: type[E]) -> list[E]:
        changes = (from_record(CardsEvent.FromString(payload)) for payload in self.records)
        return [change.event for change in changes if isinstance(change.event, kind)]


@dataclass(frozen=True)
class Durability:
    """Whoever awaits it waits until all is on the disk."""

    disk: Disk

    def __await__(self) -> Generator[None, None, int]:
        yield from self.disk.settled().__await__()
        return self.disk.durable


@dataclass
class World:
    """A game on all shards, and the clock. `Peers` and `Funds`."""

    disks: list[Disk]
    power: Power
    now_ms: int = OPENS_MS

    async def hold_pool(self, order: GameOrder) -> None:
        raise AssertionError(f"the pool of {order.campaign_id} is held")

    async def prepare(self, parts: Sequence[GamePrepared]) -> None:
        for part in parts:
            await prepare_here(self.disks[part.shard], part)

    async def seal(self, campaign_id: CampaignId, shards: Sequence[int]) -> Sequence[ShardSealed]:
        return [await self._sealed(campaign_id, shard) for shard in shards]

    async def _sealed(self, campaign_id: CampaignId, shard: int) -> ShardSealed:
        self.power.step()
        seal = await seal_here(self.disks[shard], campaign_id, self.now_ms)
        self.power.step()
        return seal

    async def finish(self, shards: Sequence[int], decision: PoolDecided) -> None:
        for shard in shards:
            self.power.step()
            await finish_here(self.disks[shard], decision)
            self.power.step()

    async def figures(self, campaign_id: CampaignId, shards: Sequence[int]) -> Sequence[ShardFigures]:
        raise AssertionError(f"nobody looks at {campaign_id} on {shards}")

    async def close(self) -> PoolDecided:
        lifecycle = GameLifecycle(
            self,
            self,
            shard_count=SHARDS,
            now_ms=lambda: self.now_ms,
            new_seed=lambda: SEED,
            one_at_a_time=asyncio.Lock(),
        )
        home = self.disks[HOME]
        return await lifecycle.close(home, home.state.created[SPRING])


async def at_the_deadline(share_mode: ShareMode) -> World:
    """Everybody has cards, a third have completed, and somebody waits for an answer on each shard."""
    power = Power()
    world = World([Disk(number, power) for number in range(SHARDS)], power)
    home = world.disks[HOME]
    created = GameCreated(an_order(SUPPLY, POOL_FEN, share_mode), SEED, SHARDS)
    home.commit(Change(created))
    home.commit(Change(GameFunded(SPRING)))
    lifecycle = GameLifecycle(
        world,
        world,
        shard_count=SHARDS,
        now_ms=lambda: OPENS_MS,
        new_seed=lambda: SEED,
        one_at_a_time=asyncio.Lock(),
    )
    await lifecycle.prepare(created)
    for disk in world.disks:
        grant = Grant(1, (13,) * 5, (0, 65, 0, 0))
        home.commit(Change(SupplyGranted(SPRING, disk.number, grant, ShardSupply(), (0,) * 5)))
        disk.commit(Change(DeckReceived(SPRING, grant)))
        play(disk, [person for person in PEOPLE if shard_of_person(person, SHARDS) == disk.number])
        await disk.settled()
    await home.settled()
    world.now_ms = DEADLINE_MS
    return world


def play(disk: Disk, people: Sequence[PersonId]) -> None:
    game = disk.state.game(SPRING)
    for number in range(65 // len(people)):
        decision = decide_deal(game, Source.TAP, people, [f"round-{number}"], OPENS_MS, are_all_own)
        assert decision.deal is not None
        disk.commit(Change(CardsDealt((decision.deal,))))
    completions = decide_completions(game, people[: len(people) // 2 + 1], OPENS_MS + 1, are_all_own)
    assert completions.completed is not None
    disk.commit(Change(completions.completed))
    giver = people[-1]
    receiver = PersonId(giver + 1_000)
    wishes = [
        Wish(giver, receiver, card, bytes(16), shard_of_person(receiver, SHARDS))
        for card in CARDS
        if game.holdings.count(giver, card)
    ]
    opening = decide_opening(game, ExchangeKind.GIFT, wishes[:1], OPENS_MS + 2, 10**9, {wishes[0].pair: True})
    assert opening.event is not None
    disk.commit(Change(opening.event))


def expect_closed(world: World, decision: PoolDecided) -> None:
    """All shards have the same decision once, and every card and every fen is somewhere."""
    for disk in world.disks:
        assert disk.durable == len(disk.records)
        assert disk.events(PoolDecided) == [decision]
        assert len(disk.events(ShardSealed)) == 1
        game = disk.state.game(SPRING)
        game.check()
        assert sum(game.exchanges.offered) == 0
    assert decision.shares_fen + decision.remainder_fen == POOL_FEN
    shares_fen = [
        completion.share_fen
        for disk in world.disks
        for person in PEOPLE
        if (completion := disk.state.game(SPRING).sets.completion_of(SPRING, person)) is not None
    ]
    assert sum(shares_fen) == decision.shares_fen
    assert len(shares_fen) == sum(decision.sets_by_shard) > SHARDS


@pytest.mark.parametrize("share_mode", ShareMode)
async def test_whatever_step_the_power_fails_at_the_decision_is_the_same(share_mode: ShareMode) -> None:
    """All at once, later in time each time, until it got through."""
    world = await at_the_deadline(share_mode)
    world.power.used = 0
    decision = await world.close()
    expect_closed(world, decision)
    steps = world.power.used
    assert steps > 6 * SHARDS
    for cut in range(steps):
        world = await at_the_deadline(share_mode)
        world.power.left = cut
        with pytest.raises(PowerCut):
            await world.close()
        world.power.left = 1_000_000
        for disk in world.disks:
            disk.lose_power()
        world.now_ms += 5_000
        assert await world.close() == decision
        expect_closed(world, decision)


@pytest.mark.parametrize("share_mode", ShareMode)
async def test_a_closing_whose_home_dies_again_and_again_gets_through(share_mode: ShareMode) -> None:
    """Only the home shard loses what has not reached its disk; each new owner gets one step further."""
    world = await at_the_deadline(share_mode)
    for patience in range(100):
        world.power.left = patience
        with contextlib.suppress(PowerCut):
            decision = await world.close()
            break
        world.disks[HOME].lose_power()
        world.now_ms += 1_000
    else:
        pytest.fail("it never got through")
    world.power.left = 1_000_000
    for disk in world.disks:
        await disk.settled()
    expect_closed(world, decision)

"""The pool of 2016, shared by as many as completed their sets."""

from __future__ import annotations

import numpy as np

from hongbao.cards.v1 import events_pb2 as cards
from services.mesh.shards.hashing import shards_of
from services.settlement.domain.runs import next_run
from tests.unit.settlement.world import CAMPAIGN, World, pool_decided

POOL_FEN = 21_500_000_000
COMPLETERS = 791_405
SHARDS = 4
BATCH = 10_000
RUN = 16_384


def test_215_million_yuan_for_791_405_people_are_271_yuan_66_each_and_the_rest_is_booked() -> None:
    """Every shard crashes in the middle of its payout, and goes on from its journal."""
    world = World(settlement=SHARDS, allocation_shards=SHARDS, cards_shards=SHARDS, payout_batch=BATCH)
    world.deposit(POOL_FEN)
    world.hold_pool(POOL_FEN)
    world.deliver_all()
    people = np.arange(1, COMPLETERS + 1, dtype=np.int64)
    shards = shards_of(people, SHARDS)
    of_shards = [people[shards == shard].tolist() for shard in range(SHARDS)]
    decided = cards.CardsEvent(pool_decided=pool_decided(POOL_FEN, [len(ids) for ids in of_shards]))
    home = world.campaign_home
    for shard in sorted(range(SHARDS), key=lambda shard: shard != home):
        complete(world, shard, of_shards[shard])
        world.deliver(shard, f"settlement/{home}")
        assert pay(world, shard, len(of_shards[shard]) + 1, decided) == (shard == home) + 20
    for shard, state in enumerate(world.states):
        assert state.ledger.wallets == dict.fromkeys(of_shards[shard], 27_166)
        assert world.balance_fen(f"pool_share:{CAMPAIGN}:{shard}") == 0
    world.deliver_all()
    assert world.balance_fen(f"remainder:{CAMPAIGN}") == 691_770
    books = world.books()
    assert books.sound
    assert books.campaigns[0].settled


def complete(world: World, shard: int, person_ids: list[int]) -> None:
    """Each of them completes a set, one record each."""
    for start in range(0, len(person_ids), RUN):
        sets = (
            cards.SetCompleted(campaign_id=CAMPAIGN, person_id=person_id)
            for person_id in person_ids[start : start + RUN]
        )
        offered = [
            (seq, cards.CardsEvent(set_completed=completed))
            for seq, completed in enumerate(sets, start=start + 1)
        ]
        run = next_run(world.states[shard], f"cards/{shard}", offered, RUN)
        assert run is not None
        assert run.records == len(offered)
        world.commit(shard, run.event)


def pay(world: World, shard: int, seq: int, decided: cards.CardsEvent) -> int:
    """Carries the decision out, with crashes between two of its steps; returns how many they were."""
    steps = 0
    while world.step(shard, f"cards/{shard}", seq, decided):
        steps += 1
        if steps == 1:
            world.crash(shard)
        elif steps == 10:
            world.crash(shard, snapshot_seq=len(world.journals[shard]) - 2)
    return steps

"""The pool of 2016, shared by as many as completed their sets."""

from __future__ import annotations

import numpy as np

from hongbao.cards.v1 import events_pb2 as cards
from services.cards.domain.sets.luck import luck_classes, lucky_shares
from services.mesh.shards.hashing import shards_of
from services.settlement.domain.runs import next_run
from tests.unit.settlement.world import CAMPAIGN, LUCK_KEY, World, lucky_pool_decided, pool_decided

POOL_FEN = 21_500_000_000
COMPLETERS = 791_405
SHARDS = 4
BATCH = 10_000
RUN = 16_384
RECORD = 4_096


def test_215_million_yuan_for_791_405_people_are_271_yuan_66_each_and_the_rest_is_booked() -> None:
    """Every shard crashes in the middle of its payout, and goes on from its journal."""
    world, of_shards = a_world_of_completers()
    decided = cards.CardsEvent(pool_decided=pool_decided(POOL_FEN, [len(ids) for ids in of_shards]))
    home = world.campaign_home
    for shard in sorted(range(SHARDS), key=lambda shard: shard != home):
        records = complete_in_columns(world, shard, of_shards[shard], b"")
        world.deliver(shard, f"settlement/{home}")
        assert pay(world, shard, records + 1, decided) == (shard == home) + 20
    for shard, state in enumerate(world.states):
        assert state.ledger.wallets == dict.fromkeys(of_shards[shard], 27_166)
        assert world.balance_fen(f"pool_share:{CAMPAIGN}:{shard}") == 0
    world.deliver_all()
    assert world.balance_fen(f"remainder:{CAMPAIGN}") == 691_770
    books = world.books()
    assert books.sound
    assert books.campaigns[0].settled


def test_215_million_yuan_shared_by_luck_are_paid_to_the_fen() -> None:
    """Sets come in columns; every shard crashes in the middle of its payout, and goes on from its journal."""
    world, of_shards = a_world_of_completers()
    decided = cards.CardsEvent(pool_decided=lucky_pool_decided(POOL_FEN, of_shards))
    home = world.campaign_home
    lucks = [luck_classes(LUCK_KEY, person_ids) for person_ids in of_shards]
    for shard in sorted(range(SHARDS), key=lambda shard: shard != home):
        records = complete_in_columns(world, shard, of_shards[shard], lucks[shard])
        world.deliver(shard, f"settlement/{home}")
        assert pay(world, shard, records + 1, decided) == (shard == home) + 20
    sets_by_luck = np.bincount(np.frombuffer(b"".join(lucks), np.uint8), minlength=200)[1:].tolist()
    shares_fen = lucky_shares(POOL_FEN, sets_by_luck)
    for shard, state in enumerate(world.states):
        owed = [shares_fen[luck - 1] for luck in lucks[shard]]
        assert state.ledger.wallets == dict(zip(of_shards[shard], owed, strict=True))
        assert world.balance_fen(f"pool_share:{CAMPAIGN}:{shard}") == 0
    world.deliver_all()
    paid_fen = sum(sum(state.ledger.wallets.values()) for state in world.states)
    remainder_fen = world.balance_fen(f"remainder:{CAMPAIGN}")
    assert paid_fen + remainder_fen == POOL_FEN
    assert 0 < remainder_fen < COMPLETERS
    books = world.books()
    assert books.sound
    assert books.campaigns[0].settled


def a_world_of_completers() -> tuple[World, list[list[int]]]:
    """The pool is held; the completers of each shard."""
    world = World(settlement=SHARDS, allocation_shards=SHARDS, cards_shards=SHARDS, payout_batch=BATCH)
    world.deposit(POOL_FEN)
    world.hold_pool(POOL_FEN)
    world.deliver_all()
    people = np.arange(1, COMPLETERS + 1, dtype=np.int64)
    shards = shards_of(people, SHARDS)
    return world, [people[shards == shard].tolist() for shard in range(SHARDS)]


def complete_in_columns(world: World, shard: int, person_ids: list[int], lucks: bytes) -> int:
    """They complete their sets in as few records as may be; returns how many those are."""
    offered = [
        (
            seq,
            cards.CardsEvent(
                sets_completed=cards.SetsCompleted(
                    campaign_id=CAMPAIGN,
                    person_ids=person_ids[start : start + RECORD],
                    luck_classes=lucks[start : start + RECORD],
                )
            ),
        )
        for seq, start in enumerate(range(0, len(person_ids), RECORD), start=1)
    ]
    records = len(offered)
    while offered:
        run = next_run(world.states[shard], f"cards/{shard}", offered, RUN)
        if run is None:
            assert world.step(shard, f"cards/{shard}", *offered[0])
            offered = offered[1:]
        else:
            world.commit(shard, run.event)
            offered = offered[run.records :]
    return records


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

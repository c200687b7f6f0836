"""What is true of every feed: who reads it, and what reading it again does."""

from __future__ import annotations

import pytest

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.effects import checkpoint, next_effect, sources_of
from tests.unit.settlement.world import World, funded, persons


def test_a_feed_read_again_from_the_start_changes_nothing() -> None:
    world = funded([100, 100], pool_fen=1000)
    for person in (*persons(0, 4, 4), *persons(1, 4, 3)):
        world.set_completed(person)
    world.packets_won(0, persons(0, 4, 3), [1, 2, 3])
    world.stock_closed(0, 6, 94)
    world.decide_pool(1000)
    world.deliver_all()
    before, journals = world.balances(), [len(journal) for journal in world.journals]
    for shard in range(2):
        for source in world.sources(shard):
            world.deliver(shard, source, after_seq=0)
    assert world.balances() == before
    assert [len(journal) for journal in world.journals] == journals


def test_records_that_concern_nobody_here_have_no_effect() -> None:
    world = World()
    world.feeds["allocation/0"].append(allocation.AllocationEvent())
    world.feeds["cards/0"].append(cards.CardsEvent())
    world.deliver_all()
    assert world.journals == [[], []]


def test_a_checkpoint_moves_only_the_cursor() -> None:
    world = funded([100])
    before = world.balances()
    world.commit(0, checkpoint("allocation/0", 70))
    assert world.cursor(0, "allocation/0") == 70
    assert world.balances() == before
    assert world.books().sound


def test_every_feed_is_read_by_exactly_one_shard_and_siblings_by_all_others() -> None:
    read = [
        source
        for shard in range(4)
        for source in sources_of(shard, settlement_shards=4, allocation_shards=16, cards_shards=8)
    ]
    assert sorted(source for source in read if source.startswith("allocation")) == sorted(
        f"allocation/{shard}" for shard in range(16)
    )
    assert sorted(source for source in read if source.startswith("cards")) == sorted(
        f"cards/{shard}" for shard in range(8)
    )
    assert all(read.count(f"settlement/{shard}") == 3 for shard in range(4))


def test_an_event_of_an_unknown_service_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="FeedPosition"):
        next_effect(World().states[0], "allocation/0", 1, pb.FeedPosition(), 10)

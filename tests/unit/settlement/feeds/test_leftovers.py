"""Packets that move between the parts of a round, and their money."""

from __future__ import annotations

import pytest

from services.mesh.shards.hashing import shard_of
from services.settlement.domain.errors import Contradiction
from tests.unit.settlement.world import World, funded, persons


def test_packets_that_move_take_their_money_along_on_one_shard_and_between_two() -> None:
    world = funded([100, 100, 100, 100])
    world.packets_sent(0, 2, 30)
    world.packets_sent(0, 1, 20)
    world.packets_received(2, 0, 30)
    world.packets_received(1, 0, 20)
    world.packets_won(2, persons(2, 4, 1), [130])
    world.stock_closed(0, 0, 50)
    world.stock_closed(1, 0, 120)
    world.stock_closed(2, 130, 0)
    world.stock_closed(3, 0, 100)
    world.deliver_all()
    assert world.balance_fen(f"wallet:{persons(2, 4, 1)[0]}") == 130
    assert world.balance_fen("sponsor:7") == 270
    assert world.books().sound
    assert world.books().campaigns[0].settled
    assert not any(state.registers.leftovers for state in world.states)


def test_packets_won_wait_for_the_money_that_moves_with_another_feed() -> None:
    world = funded([100, 100])
    world.packets_sent(0, 1, 40)
    world.packets_received(1, 0, 40)
    world.packets_won(1, persons(1, 4, 2), [100, 40])
    world.stock_closed(1, 140, 0)
    assert world.deliver(1, "allocation/1") == 1
    world.deliver(0, "allocation/0")
    assert world.deliver(1, "allocation/1") == 0
    world.deliver(1, "settlement/0")
    assert world.deliver(1, "allocation/1") == 2


def test_a_part_is_not_closed_before_the_money_of_its_last_packets_has_come() -> None:
    world = funded([100, 100])
    world.packets_sent(0, 1, 40)
    world.packets_received(1, 0, 40)
    world.stock_closed(1, 0, 140)
    assert world.deliver(1, "allocation/1") == 1
    world.deliver_all()
    assert world.balance_fen("sponsor:7") == 140


def test_packets_that_were_never_sent_are_waited_for_and_others_are_a_contradiction() -> None:
    world = funded([100, 100])
    world.packets_received(1, 0, 1)
    world.packets_won(1, persons(1, 4, 1), [101])
    world.packets_won(0, persons(0, 4, 1), [101])
    assert world.deliver(1, "allocation/1") == 1
    with pytest.raises(Contradiction, match="DEBIT_WOULD_GO_NEGATIVE"):
        world.deliver(0, "allocation/0")


def test_leftovers_do_not_come_before_the_money_that_the_part_was_funded_with() -> None:
    """The sponsor's shard funds the other one by one feed; nothing may look short because it is slower."""
    world = World(settlement=4)
    home = shard_of(7, 4)
    giver, taker = (home + 1) % 4, (home + 2) % 4
    world.deposit(400)
    world.hold_round([100, 100, 100, 100])
    world.deliver(giver, f"settlement/{home}")
    world.packets_sent(giver, taker, 40)
    world.packets_received(taker, giver, 40)
    world.packets_won(taker, persons(taker, 4, 1), [120])
    world.deliver(giver, f"allocation/{giver}")
    assert world.deliver(taker, f"settlement/{giver}") < len(world.feed(f"settlement/{giver}"))
    world.deliver_all()
    assert world.balance_fen(f"wallet:{persons(taker, 4, 1)[0]}") == 120


def test_packets_that_a_part_does_not_know_of_contradict_its_end() -> None:
    world = funded([100, 100])
    world.packets_sent(0, 1, 40)
    world.deliver_all()
    world.stock_closed(1, 0, 140)
    with pytest.raises(Contradiction, match="does not know of"):
        world.deliver(1, "allocation/1")

"""Two who turn out to be one person: what the one won goes to the other, and nobody is paid twice."""

from __future__ import annotations

import pytest

from services.cards.domain.sets.luck import luck_classes
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.accounts import AccountId
from services.settlement.domain.balances import Freeze
from services.settlement.domain.errors import Contradiction
from tests.unit.settlement.people.world import (
    FAR,
    GUEST,
    KNOWN,
    OTHER,
    PART,
    PARTS,
    SHARDS,
    expect_sound,
    funded,
)
from tests.unit.settlement.world import LUCK_KEY, ROUND, SPONSOR, persons


def test_what_a_person_won_before_it_was_known_who_they_are_is_paid_to_the_known_person() -> None:
    world = funded()
    world.verify(KNOWN)
    world.packets_won(PART, [GUEST], [50])
    world.merge(GUEST, KNOWN)
    world.settle()
    assert (world.waiting_fen(GUEST), world.waiting_fen(KNOWN)) == (0, 50)

    world.stock_closed(PART, 50, 950)
    world.settle()

    assert (world.wallet_fen(KNOWN), world.waiting_fen(KNOWN)) == (50, 0)
    expect_sound(world)


def test_winnings_follow_their_person_to_another_shard() -> None:
    world = funded()
    world.verify(FAR)
    world.packets_won(PART, [GUEST], [50])
    world.merge(GUEST, FAR)
    world.stock_closed(0, 0, 1000)
    world.settle()

    assert world.wallet_fen(FAR) == 50
    expect_sound(world)


def test_two_who_are_one_person_get_one_payout_and_the_other_goes_back() -> None:
    world = funded()
    world.verify(KNOWN)
    world.packets_won(PART, [GUEST, KNOWN], [50, 30])
    world.merge(GUEST, KNOWN)
    world.stock_closed(PART, 80, 920)
    world.settle()

    assert (world.wallet_fen(KNOWN), world.waiting_fen(KNOWN)) == (30, 0)
    assert world.balance_fen(f"sponsor:{SPONSOR}") == 6000 + 920 + 50
    assert world.payouts() == {(KNOWN, ROUND): 1}
    expect_sound(world)


def test_of_two_who_turn_out_to_be_the_same_third_person_one_is_paid() -> None:
    world = funded()
    world.verify(FAR)
    world.packets_won(PART, [GUEST, OTHER], [50, 70])
    world.merge(GUEST, FAR)
    world.merge(OTHER, FAR)
    world.stock_closed(0, 0, 1000)
    world.settle()

    assert world.wallet_fen(FAR) in {50, 70}
    assert world.waiting_fen(FAR) == 0
    assert world.payouts() == {(FAR, ROUND): 1}
    expect_sound(world)


def test_an_allocation_that_does_not_answer_is_asked_once_a_look_and_holds_up_nobody() -> None:
    world = funded()
    for person_id in (KNOWN, FAR):
        world.verify(person_id)
    guests = persons(PART, PARTS, 6)[3:]
    world.packets.answers = False
    world.packets_won(PART, guests, [50] * len(guests))
    for guest in guests:
        world.merge(guest, FAR)
    world.stock_closed(0, 0, 1000)
    world.settle()
    world.packets.questions = 0

    world.tend(shard_of(FAR, SHARDS))

    assert world.packets.questions == 1
    world.packets.answers = True
    world.settle()
    assert world.wallet_fen(FAR) == 50
    expect_sound(world)


def test_frozen_wallets_do_not_hold_up_those_of_others_who_turned_out_to_be_somebody() -> None:
    world = funded()
    world.verify(KNOWN)
    world.packets_won(PART, [KNOWN], [900])
    world.settle()
    guests = persons(PART, PARTS, 7)[3:]
    for number, guest in enumerate(guests):
        world.send(KNOWN, guest, 100, number=number)
        world.settle()
    state = world.states[shard_of(KNOWN, SHARDS)]
    for guest in guests[:2]:
        state.ledger.frozen[AccountId(f"wallet:{guest}")] = Freeze("a reason", "an operator", "a request", 0)

    for guest in guests:
        world.merge(guest, KNOWN)
    world.settle()
    for _ in range(3):
        world.tend(shard_of(KNOWN, SHARDS))

    assert [world.wallet_fen(guest) for guest in guests] == [100, 100, 0, 0]


@pytest.mark.parametrize("lucky", [False, True])
def test_a_prize_of_two_who_are_one_person_is_paid_once(lucky: bool) -> None:  # noqa: FBT001 - pytest names it
    """Also when the one that goes back is another sum: it is the known person's own that is paid."""
    world = funded()
    world.lucky = lucky
    world.hold_pool(900)
    for person_id in (KNOWN, GUEST):
        world.set_completed(person_id)
    world.verify(KNOWN)
    world.merge(GUEST, KNOWN)
    world.decide_pool(900)
    world.settle()

    one, other = luck_classes(LUCK_KEY, [KNOWN, GUEST])
    own_fen = 1 + 898 * one // (one + other) if lucky else 450
    assert (world.wallet_fen(KNOWN), world.waiting_fen(KNOWN)) == (own_fen, 0)
    expect_sound(world)


@pytest.mark.parametrize("lucky", [False, True])
def test_a_person_whose_own_set_was_undone_gets_the_prize_of_their_other_account(lucky: bool) -> None:  # noqa: FBT001 - pytest names it
    world = funded()
    world.lucky = lucky
    world.hold_pool(900)
    for person_id in (KNOWN, GUEST, OTHER):
        world.set_completed(person_id)
    world.verify(KNOWN)
    world.merge(GUEST, KNOWN)
    world.set_undone(KNOWN)
    world.decide_pool(900)
    world.settle()

    one, other = luck_classes(LUCK_KEY, [GUEST, OTHER])
    own_fen = 1 + 898 * one // (one + other) if lucky else 450
    assert (world.wallet_fen(KNOWN), world.waiting_fen(KNOWN)) == (own_fen, 0)
    expect_sound(world)


def test_what_is_won_under_an_old_token_follows_too() -> None:
    world = funded()
    world.verify(KNOWN)
    world.merge(GUEST, KNOWN)
    world.settle()

    world.packets_won(PART, [GUEST], [50])
    world.stock_closed(PART, 50, 950)
    world.settle()

    assert (world.wallet_fen(GUEST), world.wallet_fen(KNOWN)) == (0, 50)
    expect_sound(world)


def test_what_friends_gave_follows_the_person() -> None:
    world = funded()
    world.verify(KNOWN)
    world.packets_won(PART, [KNOWN], [90])
    world.settle()
    world.send(KNOWN, GUEST, 40, number=1)
    world.settle()
    assert world.wallet_fen(GUEST) == 40

    world.verify(FAR)
    world.merge(GUEST, FAR)
    world.settle()
    world.send(KNOWN, GUEST, 50, number=2)
    world.settle()

    assert (world.wallet_fen(GUEST), world.wallet_fen(FAR)) == (0, 90)
    expect_sound(world)


def test_a_verified_person_who_turns_out_to_be_another_one_contradicts_the_books() -> None:
    world = funded()
    world.verify(KNOWN)
    world.merge(KNOWN, FAR)

    with pytest.raises(Contradiction, match="a verified person turns out to be another one"):
        world.deliver(shard_of(KNOWN, SHARDS), "identity/0")

"""Accounts that turn out to be one person: their cards become one hand, and their sets one set."""

from __future__ import annotations

import pytest

from services.cards.adapters.state import CardsState
from services.cards.domain.errors import GameUnknown
from services.cards.domain.events import Change, FeedPosition, SetUndone
from services.cards.domain.exchanges.ending import decide_parting
from services.cards.domain.exchanges.machine import ExchangeKind
from services.cards.domain.exchanges.opening import Wish, decide_opening
from services.cards.domain.people.events import HandsMoved, MovedHand
from services.cards.domain.people.moving import take_in
from services.cards.domain.people.rules import busy
from services.cards.domain.sets.rules import CompletionOutcome, why_not
from services.cards.domain.vocabulary import CARDS, Card, PersonId, ShareMode
from tests.unit.cards.disks import Disk
from tests.unit.cards.games import OPENS_MS, SPRING
from tests.unit.cards.merging_world import A_SET, MergingWorld, person_of, shard_of

XIAOMING = person_of(0, 0)
GUEST_HERE, GUEST_THERE, SECOND_GUEST = person_of(0, 1), person_of(1, 0), person_of(2, 0)
GUESTS = pytest.mark.parametrize("guest", [GUEST_HERE, GUEST_THERE], ids=["same shard", "another shard"])
NOTHING = (0,) * len(CARDS)


def cards_of(world: MergingWorld, person: PersonId) -> tuple[int, ...]:
    game = world.disk_of(person).game
    return tuple(game.holdings.count(person, card) for card in CARDS)


@GUESTS
def test_a_merged_persons_cards_go_to_the_person_they_are(guest: PersonId) -> None:
    world = MergingWorld()
    world.give_set(guest)
    world.give_set(XIAOMING)
    world.merge(guest, XIAOMING)
    world.calm_down()
    assert (cards_of(world, guest), cards_of(world, XIAOMING)) == (NOTHING, (2,) * 5)
    assert world.in_transit() == [0] * 5


@GUESTS
def test_what_reaches_a_merged_person_later_goes_on(guest: PersonId) -> None:
    world = MergingWorld()
    world.merge(guest, XIAOMING)
    world.calm_down()
    world.give_set(guest)
    world.calm_down()
    assert (cards_of(world, guest), cards_of(world, XIAOMING)) == (NOTHING, A_SET)


@GUESTS
def test_a_merged_person_completes_no_set(guest: PersonId) -> None:
    world = MergingWorld()
    world.give_set(guest)
    world.merge(guest, XIAOMING)
    # Word of the merge is there; the cards have not gone yet.
    world.read_identity(shard_of(guest), passes_on=False)
    outcome = world.complete(guest)
    assert outcome is CompletionOutcome.PERSON_MERGED
    error = why_not(world.disk_of(guest).game, guest, outcome)
    assert error.metadata == {"person_id": str(guest), "merged_into_person_id": str(XIAOMING)}


@GUESTS
def test_a_set_of_another_account_is_the_persons_set(guest: PersonId) -> None:
    world = MergingWorld()
    world.give_set(guest)
    world.give_set(XIAOMING)
    assert world.complete(guest) is CompletionOutcome.COMPLETED
    world.now_ms += 1
    world.merge(guest, XIAOMING)
    world.calm_down()
    assert world.complete(XIAOMING) is CompletionOutcome.ALREADY_COMPLETED
    completion = world.disk_of(XIAOMING).game.sets.completion_of(SPRING, XIAOMING)
    assert completion is not None
    assert completion.completed_at_ms == OPENS_MS
    assert cards_of(world, XIAOMING) == A_SET
    assert world.completers() == [guest]
    # Whoever completed hears so under the old name, too.
    assert world.complete(guest) is CompletionOutcome.ALREADY_COMPLETED


@GUESTS
def test_of_two_accounts_that_both_completed_one_set_counts_and_the_other_comes_back(guest: PersonId) -> None:
    world = MergingWorld()
    for person in (guest, XIAOMING):
        world.give_set(person)
        assert world.complete(person) is CompletionOutcome.COMPLETED
    world.merge(guest, XIAOMING)
    world.calm_down()
    assert world.completers() == [XIAOMING]
    assert cards_of(world, XIAOMING) == A_SET
    assert [disk.game.sets.count for disk in world.disks] == [1, 0, 0, 0]


def test_of_three_accounts_that_all_completed_one_set_counts() -> None:
    world = MergingWorld()
    for person in (GUEST_HERE, GUEST_THERE, SECOND_GUEST):
        world.give_set(person)
        assert world.complete(person) is CompletionOutcome.COMPLETED
        world.merge(person, XIAOMING)
    world.calm_down()
    assert len(world.completers()) == 1
    assert cards_of(world, XIAOMING) == (2,) * 5


def test_two_accounts_of_one_shard_that_are_told_of_at_once_count_once() -> None:
    world = MergingWorld()
    guests = [person_of(1, 0), person_of(1, 1)]
    for guest in guests:
        world.give_set(guest)
        world.complete(guest)
        world.merge(guest, XIAOMING)
    world.calm_down()
    assert world.completers() == guests[:1]
    assert cards_of(world, XIAOMING) == A_SET


@pytest.mark.parametrize("sealed", [shard_of(GUEST_THERE), shard_of(XIAOMING)])
def test_what_was_counted_stays_counted_and_settlement_pays_one(sealed: int) -> None:
    world = MergingWorld()
    for person in (GUEST_THERE, XIAOMING):
        world.give_set(person)
        world.complete(person)
    world.merge(GUEST_THERE, XIAOMING)
    world.seal(sealed)
    counted = world.disks[sealed].game.sets.count
    world.calm_down()
    assert world.disks[sealed].game.sets.count == counted
    is_guests = sealed == shard_of(GUEST_THERE)
    assert world.completers() == ([XIAOMING, GUEST_THERE] if is_guests else [XIAOMING])


def test_cards_arrive_also_where_the_shard_is_sealed() -> None:
    world = MergingWorld()
    world.give_set(GUEST_THERE)
    world.merge(GUEST_THERE, XIAOMING)
    world.seal(shard_of(XIAOMING))
    world.calm_down()
    assert cards_of(world, XIAOMING) == A_SET
    assert world.complete(XIAOMING) is CompletionOutcome.CLOSED


def test_a_lucky_set_keeps_the_luck_of_the_account_that_completed_it() -> None:
    world = MergingWorld(ShareMode.LUCKY)
    world.give_set(GUEST_THERE)
    world.complete(GUEST_THERE)
    spent = world.disk_of(GUEST_THERE).game.sets.set_of(GUEST_THERE)
    world.merge(GUEST_THERE, XIAOMING)
    world.calm_down()
    credited = world.disk_of(XIAOMING).game.sets.credited[XIAOMING]
    assert spent is not None
    assert credited.luck_class == spent.luck_class > 0


@pytest.mark.parametrize("kind", list(ExchangeKind))
def test_what_a_merged_person_has_under_way_ends_and_its_card_goes_on(kind: ExchangeKind) -> None:
    world = MergingWorld()
    world.give_set(GUEST_THERE)
    disk = world.disk_of(GUEST_THERE)
    wish = Wish(GUEST_THERE, XIAOMING, Card.HARMONY, bytes(16), shard_of(XIAOMING))
    opened = decide_opening(disk.game, kind, [wish], OPENS_MS, 60_000, {wish.pair: True}).event
    assert opened is not None
    disk.commit(Change(opened))
    world.merge(GUEST_THERE, XIAOMING)
    world.calm_down()
    assert disk.game.exchanges.offered == [0] * 5
    assert decide_parting(disk.game, GUEST_THERE, OPENS_MS, 10) is None
    assert cards_of(world, XIAOMING) == A_SET


def test_hands_that_are_ahead_of_their_game_are_tried_again_and_arrive_once() -> None:
    ahead = Disk(CardsState(0))
    moved = HandsMoved((MovedHand(SPRING, GUEST_THERE, XIAOMING, 0, A_SET),))
    with pytest.raises(GameUnknown):
        take_in(ahead, FeedPosition("hands/1", 7), moved)
    assert not ahead.records
    world = MergingWorld()
    for _ in range(2):
        take_in(world.disks[0], FeedPosition("hands/1", 7), moved)
    assert cards_of(world, XIAOMING) == A_SET


def test_merges_that_are_told_again_change_nothing() -> None:
    world = MergingWorld()
    world.give_set(GUEST_THERE)
    world.merge(GUEST_THERE, XIAOMING)
    world.merge(GUEST_THERE, XIAOMING)
    world.calm_down()
    assert world.disk_of(GUEST_THERE).state.merged == {GUEST_THERE: XIAOMING}


def test_a_set_that_was_taken_back_is_not_told_of_again() -> None:
    world = MergingWorld()
    for person in (GUEST_THERE, XIAOMING):
        world.give_set(person)
        world.complete(person)
    world.merge(GUEST_THERE, XIAOMING)
    world.calm_down()
    changes = [change for disk in world.disks for change in disk.changes()]
    undone = [change for change in changes if isinstance(change.event, SetUndone)]
    told = [
        hand.completed_at_ms
        for change in changes
        if isinstance(change.event, HandsMoved)
        for hand in change.event.hands
    ]
    assert len(undone) == 1
    assert sorted(told) == [0, OPENS_MS]


def test_a_snapshot_keeps_who_is_whom() -> None:
    world = MergingWorld()
    world.give_set(GUEST_THERE)
    world.complete(GUEST_THERE)
    world.merge(GUEST_THERE, XIAOMING)
    world.calm_down()
    for disk in world.disks:
        disk.keep_snapshot()
        disk.crash()
    assert world.complete(XIAOMING) is CompletionOutcome.ALREADY_COMPLETED
    world.give_set(GUEST_THERE)
    assert world.complete(SECOND_GUEST) is CompletionOutcome.SET_INCOMPLETE
    world.calm_down()
    assert cards_of(world, XIAOMING) == A_SET
    assert world.completers() == [GUEST_THERE]


@GUESTS
def test_who_has_passed_everything_on_is_not_busy_until_more_reaches_them(guest: PersonId) -> None:
    """Merged persons are looked at again and again: it must cost little."""
    world = MergingWorld()
    world.give_set(guest)
    world.complete(guest)
    world.merge(guest, XIAOMING)
    world.read_identity(shard_of(guest), passes_on=False)
    state = world.disk_of(guest).state
    assert busy(state, [guest, XIAOMING]) == [guest], "its set is untold"
    world.calm_down()
    assert busy(state, [guest, XIAOMING]) == []
    world.give_set(guest)
    assert busy(state, [guest, XIAOMING, guest]) == [guest], "it has cards"

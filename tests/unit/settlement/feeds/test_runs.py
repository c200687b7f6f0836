"""Records of a feed that one event carries out do what they would have done one after another."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from hongbao.allocation.v1 import envelope_events_pb2 as envelopes
from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import transfer_events_pb2 as transfer_events
from services.cards.domain.sets.luck import luck_classes
from services.settlement.domain.errors import Contradiction
from services.settlement.domain.events import batch_of
from services.settlement.domain.freezing import freeze_account
from services.settlement.domain.runs import STOCKS_MAX, next_run
from services.settlement.domain.transfers import TransferStatus
from tests.unit.settlement.world import LUCK_KEY, SECOND, World, funded, persons, two_rounds

MINE = persons(0, 4, 6)
MANY = 1_000


def wins(world: World, *amounts_fen: int, stock_id: str = "spring.r01") -> None:
    """One record for each amount."""
    for person_id, amount_fen in zip(MINE, amounts_fen, strict=False):
        world.packets_won(0, [person_id], [amount_fen], stock_id)


def test_many_records_become_one_event_with_one_debit() -> None:
    world = two_rounds()
    wins(world, 1, 2, 3, 4)
    journal = world.journals[0]
    before = len(journal)
    world.deliver_in_runs(0, "allocation/0", persons_max=MANY)
    assert len(journal) == before + 1
    event = pb.SettlementEvent.FromString(journal[-1])
    assert [list(columns.amounts_fen) for columns in event.wallet_credits] == [[1, 2, 3, 4]]
    assert (event.position.first_seq, event.position.source_seq, event.position.records) == (1, 4, 4)
    assert world.balance_fen("escrow:spring.r01:0") == 90
    assert world.states[0].ledger.cursors["allocation/0"].records == 4


def test_stocks_that_are_won_at_the_same_time_have_a_column_each() -> None:
    world = two_rounds()
    for number in range(3):
        wins(world, number + 1)
        wins(world, number + 10, stock_id=SECOND)
    world.deliver_in_runs(0, "allocation/0", persons_max=MANY)
    event = pb.SettlementEvent.FromString(world.journals[0][-1])
    assert {columns.debit_account_id: sum(columns.amounts_fen) for columns in event.wallet_credits} == {
        "escrow:spring.r01:0": 6,
        "escrow:spring.r02:0": 33,
    }


def test_sets_are_a_column_of_persons_in_their_order_whatever_stands_between_them() -> None:
    world = two_rounds()
    for person_id in MINE:
        world.set_completed(person_id)
        world.feeds["cards/0"].append(cards.CardsEvent(gift_sent=cards.GiftSent()))
    world.deliver_in_runs(0, "cards/0", persons_max=MANY)
    event = pb.SettlementEvent.FromString(world.journals[0][-1])
    assert list(event.sets_recorded.person_ids) == MINE
    assert event.position.source_seq == 2 * len(MINE) - 1
    assert world.states[0].completers("spring", 0).person_ids == MINE


@pytest.mark.parametrize("lucky", [False, True])
def test_sets_that_come_in_columns_go_into_one_column_with_their_luck(lucky: bool) -> None:  # noqa: FBT001 - pytest names it
    world = two_rounds()
    world.lucky = lucky
    world.sets_completed(MINE[:2])
    world.set_completed(MINE[2])
    world.sets_completed(MINE[3:])
    world.deliver_in_runs(0, "cards/0", persons_max=MANY)
    event = pb.SettlementEvent.FromString(world.journals[0][-1])
    assert list(event.sets_recorded.person_ids) == MINE
    assert event.sets_recorded.luck_classes == (luck_classes(LUCK_KEY, MINE) if lucky else b"")
    assert event.position.records == 3


def test_a_run_ends_before_a_set_that_is_undone() -> None:
    world = two_rounds()
    world.sets_completed(MINE[:2])
    world.sets_completed(MINE[2:4])
    world.set_undone(MINE[0])
    world.sets_completed(MINE[4:])
    journal = world.journals[0]
    before = len(journal)
    world.deliver_in_runs(0, "cards/0", persons_max=MANY)
    assert len(journal) == before + 3
    assert world.states[0].completers("spring", 0).person_ids == MINE[1:]


def test_a_run_has_no_more_persons_than_it_may() -> None:
    world = two_rounds()
    wins(world, 1, 1, 1, 1, 1)
    journal = world.journals[0]
    before = len(journal)
    world.deliver_in_runs(0, "allocation/0", persons_max=2)
    assert [pb.SettlementEvent.FromString(event).position.source_seq for event in journal[before:]] == [
        2,
        4,
        5,
    ]


def test_more_stocks_than_an_event_has_room_for_take_several() -> None:
    world = World(settlement=1)
    stocks = [f"spring.r{number:02}" for number in range(STOCKS_MAX + 2)]
    world.deposit(100)
    for stock_id in stocks:
        world.hold_round([5], stock_id)
        world.packets_won(0, [MINE[0]], [5], stock_id)
    world.deliver_in_runs(0, "allocation/0", persons_max=MANY)
    assert world.balance_fen(f"wallet:{MINE[0]}") == 5 * len(stocks)
    assert world.books().difference_fen == 0


def test_a_run_ends_before_money_that_is_on_its_way_and_goes_on_when_it_is_there() -> None:
    world = funded([100, 100])
    world.packets_sent(0, 1, 40)
    world.packets_received(1, 0, 40)
    for person_id, amount_fen in zip(persons(1, 4, 4), (60, 40, 30, 10), strict=True):
        world.packets_won(1, [person_id], [amount_fen])
    world.deliver_in_runs(1, "allocation/1", persons_max=MANY)
    assert world.cursor(1, "allocation/1") == 3
    world.deliver(0, "allocation/0")
    world.deliver(1, "settlement/0")
    world.deliver_in_runs(1, "allocation/1", persons_max=MANY)
    assert world.cursor(1, "allocation/1") == 5
    assert world.balance_fen("escrow:spring.r01:1") == 0


def test_a_run_ends_before_an_escrow_that_is_frozen_and_goes_on_when_it_is_freed() -> None:
    world = two_rounds()
    wins(world, 1, 2)
    wins(world, 3, 4, stock_id=SECOND)
    wins(world, 5)
    freeze(world, f"escrow:{SECOND}:0", frozen=True)
    world.deliver_in_runs(0, "allocation/0", persons_max=MANY)
    assert world.cursor(0, "allocation/0") == 2
    freeze(world, f"escrow:{SECOND}:0", frozen=False)
    world.deliver_in_runs(0, "allocation/0", persons_max=MANY)
    assert world.cursor(0, "allocation/0") == 5


def freeze(world: World, account_id: str, *, frozen: bool) -> None:
    decided = transfer_events.AccountFrozen(
        account_id=account_id,
        frozen=frozen,
        reason="it is looked into",
        operator="ann",
        request_id=str(uuid.UUID(int=frozen)),
    )
    world.commit(0, freeze_account(world.states[0], decided))


BAD: dict[str, Callable[[World], None]] = {
    "more than there is": lambda world: world.packets_won(0, MINE[:1], [101]),
    "a person of another shard": lambda world: world.packets_won(0, persons(1, 4, 1), [1]),
    "a packet of nothing": lambda world: world.packets_won(0, MINE[:2], [1, 0]),
    "less than nothing": lambda world: world.packets_won(0, MINE[:2], [1, -1]),
    "columns of different lengths": lambda world: world.packets_won(0, MINE[:2], [1]),
    "nobody": lambda world: world.packets_won(0, [], []),
    "another campaign": lambda world: world.feeds["allocation/0"].append(
        allocation.AllocationEvent(
            packets_won=allocation.PacketsWon(
                stock_id="spring.r01", campaign_id="autumn", person_ids=MINE[:1], amounts_fen=[1]
            )
        )
    ),
    "a share without money": lambda world: world.feeds["allocation/0"].append(
        allocation.AllocationEvent(
            envelope=envelopes.EnvelopeEvent(
                share_claimed=envelopes.ShareClaimed(envelope_id=5, person_id=MINE[0], amount_fen=1)
            )
        )
    ),
}


@pytest.mark.parametrize("happen", BAD.values(), ids=BAD.keys())
def test_a_record_that_contradicts_the_books_stops_its_feed_after_all_that_came_before_it(
    happen: Callable[[World], None],
) -> None:
    world = two_rounds()
    wins(world, 1, 2, 3)
    happen(world)
    wins(world, 4, 5)
    with pytest.raises(Contradiction, match="record 4"):
        world.deliver_in_runs(0, "allocation/0", persons_max=MANY)
    assert world.cursor(0, "allocation/0") == 3
    assert world.balance_fen("escrow:spring.r01:0") == 94


@pytest.mark.parametrize("again", [MINE[0], MINE[2]], ids=["before the run", "in the run"])
def test_a_second_set_of_a_person_stops_its_feed_after_all_that_came_before_it(again: int) -> None:
    world = two_rounds()
    world.set_completed(MINE[0])
    world.deliver_in_runs(0, "cards/0", persons_max=MANY)
    for person_id in (MINE[1], MINE[2], again, MINE[3]):
        world.set_completed(person_id)
    with pytest.raises(Contradiction, match="second time"):
        world.deliver_in_runs(0, "cards/0", persons_max=MANY)
    assert world.states[0].completers("spring", 0).person_ids == MINE[:3]


def test_no_sets_follow_the_decision_in_a_run_either() -> None:
    world = two_rounds()
    world.decide_pool(1_000)
    world.deliver_all()
    world.set_completed(MINE[0])
    world.set_completed(MINE[1])
    with pytest.raises(Contradiction, match="follows the decision"):
        world.deliver_in_runs(0, "cards/0", persons_max=MANY)


def test_a_run_that_has_had_its_effect_in_part_is_refused_whole() -> None:
    """Nothing makes such a run; the ledger does not rely on that."""
    world = two_rounds()
    wins(world, 1, 2, 3)
    offered = list(enumerate(world.feed("allocation/0"), start=1))
    run = next_run(world.states[0], "allocation/0", offered, MANY)
    assert run is not None
    world.deliver(0, "allocation/0", records=1)
    verdict = world.states[0].check(run.event)
    assert verdict.status is TransferStatus.EXISTS_IN_PART
    world.deliver(0, "allocation/0")
    assert world.states[0].check(run.event).status is TransferStatus.EXISTS


def test_one_record_is_no_run_and_neither_is_what_is_done() -> None:
    world = two_rounds()
    wins(world, 1)
    offered = list(enumerate(world.feed("allocation/0"), start=1))
    assert next_run(world.states[0], "allocation/0", offered, MANY) is None
    wins(world, 1)
    world.deliver(0, "allocation/0")
    offered = list(enumerate(world.feed("allocation/0"), start=1))
    assert next_run(world.states[0], "allocation/0", offered, MANY) is None


def test_a_run_is_read_back_as_it_was_made() -> None:
    world = two_rounds()
    wins(world, 1, 2)
    offered = list(enumerate(world.feed("allocation/0"), start=1))
    run = next_run(world.states[0], "allocation/0", offered, MANY)
    assert run is not None
    position = batch_of(run.event).position
    assert position is not None
    assert (position.first_seq, position.seq, position.records, position.reported_fen) == (1, 2, 2, 3)

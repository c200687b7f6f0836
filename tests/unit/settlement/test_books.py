"""The proof of the books, and that it finds what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import settlement_pb2 as pb
from services.settlement.domain.accounts import AccountId
from services.settlement.domain.books import Books, prove
from services.settlement.domain.books_contract import read_books, write_books
from services.settlement.domain.commands import deposit
from services.settlement.domain.shard_books import FeedHalt, ShardBooks, shard_books
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfer_items import TransferItem, TransferRequest
from services.settlement.domain.transfer_requests import decide_transfers
from services.settlement.domain.transfers import TransferCode, TransferPhase
from tests.unit.settlement.world import SPONSOR, World, persons

DEPOSITS = (
    "deposits = sponsors + budgets + escrow + pools + shares + waiting + wallets + envelopes + remainders"
    " + compensation + in transit"
)


def evening() -> World:
    """A round, a pool, two completers, and nothing left to do."""
    world = World()
    world.deposit(5000)
    world.hold_round([100, 100, 100, 100])
    world.hold_pool(1001)
    world.deliver_all()
    world.packets_won(0, persons(0, 4, 2), [60, 15])
    world.packets_won(3, persons(3, 4, 1), [100])
    for part, won_fen in enumerate([75, 0, 0, 100]):
        world.stock_closed(part, won_fen, 100 - won_fen)
    for person in (persons(0, 4, 1)[0], persons(1, 4, 1)[0]):
        world.set_completed(person)
    world.decide_pool(1001)
    world.deliver_all()
    return world


def shards_of_evening() -> list[ShardBooks]:
    world = evening()
    return [
        shard_books(shard, len(world.journals[shard]), state.ledger, world.sources(shard), {})
        for shard, state in enumerate(world.states)
    ]


def wrong_lines(books: Books) -> set[tuple[str, str]]:
    return {(line.subject, line.statement) for line in books.lines if line.difference_fen}


def test_an_evening_proves_itself_and_says_where_the_money_is() -> None:
    books = evening().books()
    assert books.sound
    assert books.difference_fen == 0
    [campaign] = books.campaigns
    assert campaign.settled
    assert campaign.held_fen == 1401
    assert campaign.returned_fen == 225
    assert (campaign.packets, campaign.packets_fen) == (3, 175)
    assert (campaign.prizes, campaign.prizes_fen) == (2, 1000)
    assert campaign.wallets_fen == 1175
    assert campaign.remainder_fen == 1


def test_the_lines_speak_of_all_shards_each_shard_campaign_direction_and_feed() -> None:
    subjects = {line.subject for line in evening().books().lines}
    assert {"all shards", "shard 0", "shard 1", "campaign spring", "shard 0 to 1", "shard 1 to 0"} <= subjects
    assert "feed allocation/3 in shard 1" in subjects


def test_money_between_shards_is_shown_and_is_no_fault() -> None:
    world = World()
    world.deposit(100)
    world.hold_round([30, 30])
    books = world.books()
    assert books.sound
    assert books.in_transit_fen == 30
    assert not books.campaigns[0].settled


def test_a_wallet_that_was_changed_by_hand_is_found() -> None:
    world = evening()
    world.states[0].ledger.wallets[persons(0, 4, 1)[0]] += 1
    assert wrong_lines(world.books()) == {
        ("all shards", DEPOSITS),
        ("shard 0", "wallet: posted = counted"),
    }


def test_a_posting_without_its_other_side_is_found() -> None:
    [first, second] = shards_of_evening()
    totals = (replace(first.totals[0], debits_fen=first.totals[0].debits_fen + 1), *first.totals[1:])
    books = prove([replace(first, totals=totals), second], 2)
    assert {"all shards", "shard 0"} <= {subject for subject, _ in wrong_lines(books)}
    assert not books.sound


def test_money_that_arrives_without_having_been_sent_is_found() -> None:
    [first, second] = shards_of_evening()
    transits = tuple(replace(transit, received_fen=transit.received_fen + 5) for transit in first.transits)
    books = prove([replace(first, transits=transits), second], 2)
    assert books.difference_fen >= 5


def test_a_feed_that_reported_other_than_was_posted_is_found() -> None:
    [first, second] = shards_of_evening()
    feeds = (replace(first.feeds[0], reported_fen=first.feeds[0].reported_fen + 1), *first.feeds[1:])
    books = prove([replace(first, feeds=feeds), second], 2)
    assert wrong_lines(books) == {(f"feed {first.feeds[0].source} in shard 0", "reported = posted")}


def test_without_all_shards_the_proof_is_not_whole() -> None:
    books = prove(shards_of_evening()[:1], 2)
    assert books.missing_shards == (1,)
    assert not books.sound


@pytest.mark.parametrize("stopped", [True, False])
def test_a_stopped_feed_makes_the_books_unsound_and_a_waiting_one_does_not(stopped: bool) -> None:  # noqa: FBT001 - a table
    [first, second] = shards_of_evening()
    halt = FeedHalt(9, 1_454_846_400_000, "it contradicts", stopped)
    feeds = (replace(first.feeds[0], halt=halt), *first.feeds[1:])
    books = prove([replace(first, feeds=feeds), second], 2)
    assert (books.stopped if stopped else books.waiting) == (feeds[0],)
    assert books.sound is not stopped


def test_accounts_against_their_flags_are_named() -> None:
    world = evening()
    ledger = world.states[0].ledger
    ledger.accounts[AccountId("escrow:spring.r01:0")].credits_fen += 3
    ledger.wallets[persons(0, 4, 1)[0]] = -1
    found = {(violation.account_id, violation.detail) for violation in world.books().violations}
    assert found == {
        ("escrow:spring.r01:0", "closed, but not empty"),
        (f"wallet:{persons(0, 4, 1)[0]}", "below 0"),
    }


def test_an_overdrawn_account_is_named() -> None:
    world = evening()
    ledger = world.states[world.campaign_home].ledger
    ledger.accounts[AccountId("remainder:spring")].debits_fen += 2
    assert [violation.balance_fen for violation in world.books().violations] == [-1]


def test_books_are_the_same_after_a_trip_through_the_contract() -> None:
    for books in shards_of_evening():
        halt = FeedHalt(9, 1_454_846_400_123, "it contradicts", stopped=True)
        waiting = FeedHalt(8, 1_454_846_400_123, "it waits", stopped=False)
        feeds = (replace(books.feeds[0], halt=halt), replace(books.feeds[1], halt=waiting), *books.feeds[2:])
        sent = replace(books, feeds=feeds)
        wire = pb.ShardBooks.FromString(write_books(sent).SerializeToString())
        assert read_books(wire) == sent


def test_a_budget_and_what_is_reserved_of_it_are_in_the_books() -> None:
    state = funded_sponsor()
    state.apply(2, 0, budget(state, "b1", 60))
    state.apply(3, 0, budget(state, "b2", 30, timeout_ms=5))
    books = prove([shard_books(1, 3, state.ledger, (), {}, overdue_ms=4)], 1)
    [campaign] = books.campaigns
    assert (campaign.held_fen, campaign.budgets_fen) == (60, 60)
    assert wrong_lines(books) == set()
    reserved = {line.statement: line.left_fen for line in books.lines if line.statement.startswith("pending")}
    assert reserved == {
        "pending: standing = reserved of debits": 30,
        "pending: standing = reserved for credits": 30,
        "pending past its time = nothing": 0,
    }
    books = prove([shard_books(1, 3, state.ledger, (), {}, overdue_ms=5)], 1)
    assert wrong_lines(books) == {("shard 1", "pending past its time = nothing")}


def test_more_reserved_than_there_is_is_a_violation() -> None:
    state = funded_sponsor()
    state.apply(2, 0, budget(state, "b2", 30, timeout_ms=5))
    state.ledger.accounts[AccountId("sponsor:7")].debits_fen = 71
    [violation] = shard_books(1, 2, state.ledger, (), {}).violations
    assert (violation.account_id, violation.balance_fen) == ("sponsor:7", 29)


def funded_sponsor() -> SettlementState:
    state = SettlementState(1, 2)
    event = deposit(state, "0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10", SPONSOR, 100)
    assert event is not None
    state.apply(1, 0, event)
    return state


def budget(
    state: SettlementState, transfer_id: str, amount_fen: int, timeout_ms: int = 0
) -> events.SettlementEvent:
    """Moves money into the sponsor's budget, or only reserves it when there is a timeout."""
    item = TransferItem(
        transfer_id,
        "sponsor:7",
        "budget:spring:7",
        amount_fen,
        TransferCode.SPONSOR_BUDGET,
        "spring",
        phase=TransferPhase.PENDING if timeout_ms else TransferPhase.SINGLE,
        timeout_ms=timeout_ms,
    )
    request = TransferRequest([item], 1000, "an operator")
    event = decide_transfers(state, request, 0).event(request)
    assert event is not None
    return event

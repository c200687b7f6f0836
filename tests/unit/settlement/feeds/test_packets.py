"""What the allocation feed says of packets, and what it cannot say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hongbao.allocation.v1 import events_pb2 as allocation
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.accounts import BALANCE_FEN_MAX
from services.settlement.domain.errors import Contradiction
from tests.unit.settlement.world import CAMPAIGN, ROUND, World, funded, persons


def test_packets_go_from_the_shards_escrow_to_the_winners_wallets() -> None:
    world = funded([100, 100])
    one, two = persons(1, 4, 2)
    world.packets_won(1, [one, two], [30, 12])
    world.deliver_all()
    assert world.balance_fen(f"wallet:{one}") == 30
    assert world.balance_fen(f"wallet:{two}") == 12
    assert world.balance_fen("escrow:spring.r01:1") == 58


def test_a_closed_stock_returns_its_rest_to_the_sponsor() -> None:
    world = funded([100, 100])
    world.packets_won(1, persons(1, 4, 1), [30])
    world.stock_closed(0, 0, 100)
    world.stock_closed(1, 30, 70)
    world.deliver_all()
    assert world.balance_fen("sponsor:7") == 170
    home = world.states[shard_of(7, 2)]
    assert home.registers.returned_fen == {ROUND: 170}
    assert world.books().campaigns[0].settled


def test_a_stock_that_was_won_to_the_last_fen_returns_nothing_and_is_closed() -> None:
    world = funded([30])
    world.packets_won(0, persons(0, 4, 1), [30])
    world.stock_closed(0, 30, 0)
    world.deliver_all()
    account = world.states[0].ledger.account("escrow:spring.r01:0")
    assert account is not None
    assert account.closed


@pytest.mark.parametrize("part", [0, 1])
def test_what_was_held_returns_also_to_a_sponsor_who_has_paid_in_all_that_may_be_since(part: int) -> None:
    """The two parts' escrows live on both shards: one return stays at home, the other travels."""
    world = World()
    parts_fen = [0, 0]
    parts_fen[part] = BALANCE_FEN_MAX
    world.deposit(BALANCE_FEN_MAX)
    world.hold_round(parts_fen)
    world.deposit(BALANCE_FEN_MAX, request_id="1" * 8 + "-0000-4000-8000-" + "0" * 12)
    world.stock_closed(part, 0, BALANCE_FEN_MAX)
    world.deliver_all()
    assert world.balance_fen("sponsor:7") == 2 * BALANCE_FEN_MAX
    assert world.books().difference_fen == 0


def test_a_part_that_never_had_packets_needs_no_money_to_close() -> None:
    world = funded([100, 0])
    world.stock_closed(1, 0, 0)
    assert world.deliver(1, "allocation/1") == 1


def test_packets_wait_for_money_that_is_on_its_way() -> None:
    world = World()
    world.deposit(100)
    world.hold_round([25, 25, 25, 25])
    away = 1 - shard_of(7, 2)
    world.packets_won(away, persons(away, 4, 1), [5])
    assert world.deliver(away, f"allocation/{away}") == 0
    world.deliver(away, f"settlement/{1 - away}")
    assert world.deliver(away, f"allocation/{away}") == 1


def _won(stock_id: str, person_ids: list[int], amounts_fen: list[int]) -> Callable[[World], None]:
    return lambda world: world.packets_won(0, person_ids, amounts_fen, stock_id)


MINE = persons(0, 4, 2)


STRANGER = persons(1, 4, 1)


CONTRADICTIONS: dict[str, tuple[str, Callable[[World], None]]] = {
    "more than the part holds": ("NEGATIVE", _won(ROUND, MINE, [90, 11])),
    "a packet of nothing": ("AMOUNT_NOT_POSITIVE", _won(ROUND, MINE, [90, 0])),
    "a person of another shard": ("another shard", _won(ROUND, STRANGER, [1])),
    "a person without a number": ("not above 0", _won(ROUND, [0], [1])),
    "columns of different lengths": ("differ in length", _won(ROUND, MINE, [1])),
    "no winners at all": ("differ in length", _won(ROUND, [], [])),
    "a rest that is not there": ("are said to be left", lambda world: world.stock_closed(0, 0, 99)),
    "winnings that were never paid": ("are said to be won", lambda world: world.stock_closed(0, 1, 100)),
    "another sponsor": ("sponsor 7's", lambda world: world.stock_closed(0, 0, 100, sponsor_id=8)),
}


@pytest.mark.parametrize(("says", "happen"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_an_allocation_record_that_contradicts_the_books_posts_nothing(
    says: str, happen: Callable[[World], None]
) -> None:
    world = funded([100])
    happen(world)
    before = world.balances()
    with pytest.raises(Contradiction, match=says):
        world.deliver(0, "allocation/0")
    assert world.balances() == before
    assert world.cursor(0, "allocation/0") == 0


def test_packets_after_the_close_contradict_the_books() -> None:
    world = funded([100])
    world.stock_closed(0, 0, 100)
    world.packets_won(0, MINE, [1, 1])
    with pytest.raises(Contradiction, match="DEBIT_ACCOUNT_CLOSED"):
        world.deliver(0, "allocation/0")


def test_a_stock_closes_once() -> None:
    world = funded([100])
    world.stock_closed(0, 0, 100)
    world.stock_closed(0, 0, 100)
    with pytest.raises(Contradiction, match="closed already"):
        world.deliver(0, "allocation/0")


def test_a_stock_belongs_to_the_campaign_in_its_name() -> None:
    world = funded([100])
    won = allocation.PacketsWon(stock_id=ROUND, campaign_id="autumn", person_ids=MINE, amounts_fen=[1, 1])
    world.feeds["allocation/0"].append(allocation.AllocationEvent(packets_won=won))
    with pytest.raises(Contradiction, match="another campaign"):
        world.deliver(0, "allocation/0")


def test_a_shard_speaks_only_for_itself() -> None:
    world = funded([100])
    closed = allocation.StockClosed(
        stock_id=ROUND, campaign_id=CAMPAIGN, sponsor_id=7, shard=2, returned_fen=100
    )
    world.feeds["allocation/0"].append(allocation.AllocationEvent(stock_closed=closed))
    with pytest.raises(Contradiction, match="speaks of shard 2"):
        world.deliver(0, "allocation/0")

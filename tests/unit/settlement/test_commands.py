"""Deposits and holds: what callers ask, and what they are refused."""

from __future__ import annotations

import pytest

from services.mesh.errors import ServiceError
from services.settlement.domain.accounts import BALANCE_FEN_MAX
from services.settlement.domain.commands import create_hold, hold_refused
from services.settlement.domain.errors import (
    BalanceLimitExceeded,
    FundsInsufficient,
    HoldConflict,
    HoldTooLate,
    RequestIdReused,
)
from services.settlement.domain.registers import Hold, HoldPart, HoldPurpose
from services.settlement.domain.state import SettlementState
from tests.unit.settlement.world import CAMPAIGN, POOL, ROUND, SPONSOR, World

REQUEST = "0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10"
OTHER = "1c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10"


def test_a_deposit_goes_from_the_bank_to_the_sponsor() -> None:
    world = World()
    world.deposit(100)
    shard = next(shard for shard, journal in enumerate(world.journals) if journal)
    assert world.balances() == {f"bank_clearing:{shard}": -100, "sponsor:7": 100}


def test_the_same_request_again_deposits_nothing_more_whatever_its_case() -> None:
    world = World()
    world.deposit(100, request_id=REQUEST)
    world.deposit(100, request_id=REQUEST.upper())
    assert world.balance_fen("sponsor:7") == 100


def test_a_request_id_is_not_used_for_two_deposits() -> None:
    world = World()
    world.deposit(100, request_id=REQUEST)
    with pytest.raises(RequestIdReused) as refused:
        world.deposit(101, request_id=REQUEST)
    assert refused.value.metadata == {"request_id": REQUEST}


def test_nobody_deposits_more_than_the_books_allow() -> None:
    world = World()
    world.deposit(BALANCE_FEN_MAX, request_id=REQUEST)
    with pytest.raises(BalanceLimitExceeded) as refused:
        world.deposit(1, request_id=OTHER)
    limit_fen = str(BALANCE_FEN_MAX)
    assert refused.value.metadata == {
        "account_id": "sponsor:7",
        "balance_fen": limit_fen,
        "limit_fen": limit_fen,
    }


def test_a_hold_takes_all_parts_from_the_sponsor_and_sends_those_that_live_elsewhere() -> None:
    world = World(settlement=2, allocation_shards=4)
    world.deposit(100)
    world.hold_round([10, 20, 30, 0])
    assert world.balance_fen("sponsor:7") == 40
    world.deliver_all()
    assert {account: fen for account, fen in world.balances().items() if account.startswith("escrow")} == {
        "escrow:spring.r01:0": 10,
        "escrow:spring.r01:1": 20,
        "escrow:spring.r01:2": 30,
    }


def test_the_same_hold_again_moves_nothing() -> None:
    world = World()
    world.deposit(100)
    world.hold_round([10, 20])
    world.hold_round([10, 20])
    assert world.balance_fen("sponsor:7") == 70


@pytest.mark.parametrize("parts_fen", [[20, 10], [30], [10, 20, 5]])
def test_a_hold_id_is_not_used_for_two_holds(parts_fen: list[int]) -> None:
    world = World()
    world.deposit(100)
    world.hold_round([10, 20])
    with pytest.raises(HoldConflict) as refused:
        world.hold_round(parts_fen)
    assert refused.value.metadata == {"hold_id": ROUND}
    assert world.balance_fen("sponsor:7") == 70


def test_another_sponsor_does_not_add_to_a_hold() -> None:
    world = World(settlement=1)
    world.deposit(100, request_id=REQUEST)
    world.deposit(100, sponsor_id=8, request_id=OTHER)
    world.hold_pool(50)
    with pytest.raises(HoldConflict) as refused:
        world.hold_pool(50, sponsor_id=8)
    assert refused.value.metadata == {"hold_id": POOL}


def test_another_sponsor_does_not_revive_a_hold_that_is_over() -> None:
    world = World(settlement=1)
    world.deposit(100, request_id=REQUEST)
    world.deposit(100, sponsor_id=8, request_id=OTHER)
    world.hold_pool(50)
    world.decide_pool(50)
    world.deliver_all()
    with pytest.raises(HoldConflict):
        world.hold_pool(50, sponsor_id=8)


@pytest.mark.parametrize("deposited_fen", [0, 29])
def test_a_hold_beyond_the_funds_moves_nothing(deposited_fen: int) -> None:
    world = World()
    if deposited_fen:
        world.deposit(deposited_fen)
    with pytest.raises(FundsInsufficient) as refused:
        world.hold_round([10, 20])
    assert refused.value.metadata == {
        "sponsor_id": str(SPONSOR),
        "available_fen": str(deposited_fen),
        "needed_fen": "30",
    }
    assert world.balance_fen("sponsor:7") == deposited_fen


def test_every_refusal_belongs_to_settlement() -> None:
    world = World()
    with pytest.raises(ServiceError) as refused:
        world.hold_round([1])
    assert refused.value.domain == "hongbao.settlement"


def hold_of_30(*, from_budget: bool = False) -> Hold:
    parts = (HoldPart(0, 10), HoldPart(1, 20))
    return Hold(ROUND, CAMPAIGN, SPONSOR, HoldPurpose.ROUND, parts, from_budget=from_budget)


def test_a_hold_takes_no_money_after_its_time_and_is_known_after_it() -> None:
    world = World(settlement=1)
    world.deposit(100)
    [state] = world.states
    with pytest.raises(HoldTooLate) as refused:
        create_hold(state, hold_of_30(), ends_ms=50, now_ms=50)
    assert refused.value.metadata == {"hold_id": ROUND, "hold_ends_at_ms": "50"}
    world.commit(0, create_hold(state, hold_of_30(), ends_ms=50, now_ms=49))
    assert create_hold(state, hold_of_30(), ends_ms=50, now_ms=50) is None


def test_an_attempt_that_comes_after_a_refusal_takes_no_money_unless_it_was_made_later() -> None:
    world = World(settlement=1)
    [state] = world.states
    with pytest.raises(FundsInsufficient):
        create_hold(state, hold_of_30(), ends_ms=50, now_ms=0)
    world.commit(0, hold_refused(state, ROUND, ends_ms=50, now_ms=0))
    # The same attempt again is refused for the same reason, as long as that is the reason.
    with pytest.raises(FundsInsufficient):
        create_hold(state, hold_of_30(), ends_ms=50, now_ms=0)
    assert hold_refused(state, ROUND, ends_ms=50, now_ms=0) is None
    world.deposit(100)
    for ends_ms in (50, 40):
        with pytest.raises(HoldTooLate):
            create_hold(state, hold_of_30(), ends_ms=ends_ms, now_ms=0)
    kept = SettlementState(0, 1)
    kept.restore(state.snapshot())
    with pytest.raises(HoldTooLate):
        create_hold(kept, hold_of_30(), ends_ms=50, now_ms=0)
    world.commit(0, create_hold(state, hold_of_30(), ends_ms=51, now_ms=0))
    assert world.balance_fen("sponsor:7") == 70


def test_a_refusal_is_forgotten_when_no_attempt_can_come_any_more() -> None:
    state = SettlementState(0, 1)
    event = hold_refused(state, ROUND, ends_ms=50, now_ms=0)
    assert event is not None
    state.apply(1, 0, event)
    assert state.requested.refused_holds == {ROUND: 50}
    state.apply(2, 50, type(event)())
    assert state.requested.refused_holds == {}


def test_a_request_without_an_end_leaves_nothing_when_it_is_refused() -> None:
    state = SettlementState(0, 1)
    assert hold_refused(state, ROUND, ends_ms=None, now_ms=0) is None
    assert hold_refused(state, ROUND, ends_ms=5, now_ms=5) is None


def test_a_hold_from_the_budget_takes_nothing_else_of_the_sponsors() -> None:
    world = World(settlement=1)
    world.deposit(100)
    with pytest.raises(FundsInsufficient) as refused:
        world.hold(hold_of_30(from_budget=True))
    assert refused.value.metadata["available_fen"] == "0"
    assert world.balance_fen("sponsor:7") == 100

"""Deposits and holds: what callers ask, and what they are refused."""

from __future__ import annotations

import pytest

from services.mesh.errors import ServiceError
from services.settlement.domain.accounts import BALANCE_FEN_MAX
from services.settlement.domain.errors import (
    BalanceLimitExceeded,
    FundsInsufficient,
    HoldConflict,
    RequestIdReused,
)
from tests.unit.settlement.world import POOL, ROUND, SPONSOR, World

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

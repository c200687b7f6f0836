"""What a ledger remembers and counts."""

from __future__ import annotations

import pytest

from services.settlement.domain.accounts import AccountCode, AccountId
from services.settlement.domain.balances import Movement
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.transfers import (
    Batch,
    TransferCode,
    TransferId,
    WalletCredits,
)
from tests.unit.settlement.ledger_lines import operate, transfer_of


def test_columns_credit_each_wallet_and_debit_the_sum_once() -> None:
    ledger = Ledger()
    for line in ["t1 bank s7 100 CREATED", "t2 s7 e0 100 CREATED", "pay f e0 1:10,2:20,1:5 at=1.0 CREATED"]:
        operate(ledger, line)
    assert ledger.wallets == {1: 15, 2: 20}
    assert ledger.balance_fen("escrow:spring.r01:0") == 65
    assert ledger.transfer_totals[TransferCode.PACKET, "spring"].transfers == 3
    assert ledger.transfer_totals[TransferCode.PACKET, "spring"].amount_fen == 35


def test_a_verdict_names_transfer_account_and_balance() -> None:
    ledger = Ledger()
    operate(ledger, "t1 bank s7 100 CREATED")
    verdict = ledger.check(Batch(transfers=[transfer_of(["t2", "s7", "e0", "101"])]))
    assert str(verdict) == "DEBIT_WOULD_GO_NEGATIVE t2 sponsor:7 (balance 100 fen)"


def test_columns_without_a_position_are_a_mistake_of_the_caller() -> None:
    columns = WalletCredits(TransferId("f"), AccountId("pool:x"), [1], [1], TransferCode.PACKET, "x")
    with pytest.raises(AssertionError, match="position"):
        Ledger().check(Batch(columns=[columns]))


def test_a_reservation_moves_nothing_and_binds_both_accounts_until_it_ends() -> None:
    ledger = Ledger()
    for line in ("t1 bank s7 100 CREATED", "reserve:t2 s7 e0 60 CREATED"):
        operate(ledger, line)
    assert (ledger.balance_fen("sponsor:7"), ledger.available_fen("sponsor:7")) == (100, 40)
    assert ledger.account("escrow:spring.r01:0") is None
    assert ledger.pendings.credits_fen("escrow:spring.r01:0") == 60
    assert (ledger.pendings.open_count, ledger.pendings.open_fen) == (1, 60)
    operate(ledger, "post:t3:t2 s7 e0 25 CREATED")
    assert (ledger.balance_fen("sponsor:7"), ledger.available_fen("sponsor:7")) == (75, 75)
    assert ledger.balance_fen("escrow:spring.r01:0") == 25
    assert not list(ledger.pendings.reserved())
    assert (ledger.pendings.open_count, ledger.pendings.open_fen) == (0, 0)
    pending = ledger.pendings.find("t2")
    assert pending is not None
    assert pending.posted_fen == 25


def test_only_what_moves_is_counted_in_totals() -> None:
    ledger = Ledger()
    for line in (
        "t1 bank s7 100 CREATED",
        "reserve:t2 s7 e0 60 CREATED",
        "reserve:t3 s7 e0 40 CREATED",
        "post:t4:t2 s7 e0 50 CREATED",
        "void:t5:t3 s7 e0 40 CREATED",
    ):
        operate(ledger, line)
    count = ledger.transfer_totals[TransferCode.ROUND_HOLD, "spring"]
    assert (count.transfers, count.amount_fen) == (1, 50)
    assert ledger.account_totals[AccountCode.ESCROW, "spring"] == Movement(0, 50)


def test_what_stands_cannot_be_forgotten() -> None:
    ledger = Ledger()
    for line in ("t1 bank s7 100 CREATED", "reserve:t2 s7 e0 60 CREATED"):
        operate(ledger, line)
    with pytest.raises(AssertionError, match="not forgotten"):
        ledger.forget_transfer("t2")

"""The ledger by table: one line an operation, ending in the status that it must have."""

from __future__ import annotations

import pytest

from services.settlement.domain.accounts import BALANCE_FEN_MAX, CLEARING_FEN_MAX, AccountId
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.transfers import (
    Batch,
    Position,
    Transfer,
    TransferCode,
    TransferId,
    TransferStatus,
    WalletCredits,
)

_NAMES = {
    "bank": "bank_clearing:0",
    "s7": "sponsor:7",
    "s8": "sponsor:8",
    "e0": "escrow:spring.r01:0",
    "e1": "escrow:spring.r01:1",
    "pool": "pool:spring",
    "p1": "wallet:1",
    "p2": "wallet:2",
    "out": "in_transit:0:1",
    "in": "in_transit:1:0",
}
_CODES = {"bank": TransferCode.DEPOSIT, "in": TransferCode.ROUND_HOLD}
_BIG = BALANCE_FEN_MAX
_HUGE = CLEARING_FEN_MAX


def operate(ledger: Ledger, line: str) -> tuple[str, str]:
    """Runs `operation status`; returns the status got and the status wanted.

    id debit credit amount [of=sponsor] STATUS       a transfer; lines joined by + are one batch
    pay id debit person:amount,... at=seq.step[+] STATUS       columns from a feed; + when more steps follow
    close account CLOSED
    """
    *words, wanted = line.split()
    if words[0] == "close":
        ledger.close(_NAMES[words[1]])
        return "CLOSED", wanted
    if words[0] == "pay":
        return ledger.post(_columns(words)).status.name, wanted
    transfers = [_transfer(part.split()) for part in " ".join(words).split("+")]
    return ledger.post(Batch(transfers=transfers)).status.name, wanted


def _transfer(words: list[str]) -> Transfer:
    transfer_id, debit, credit, amount = words[:4]
    sponsor_id = int(words[4].removeprefix("of=")) if len(words) > 4 else 7
    amount_fen = {"BIG": _BIG, "HUGE": _HUGE}.get(amount) or int(amount)
    return Transfer(
        TransferId(transfer_id),
        AccountId(_NAMES[debit]),
        AccountId(_NAMES[credit]),
        amount_fen,
        _CODES.get(debit, TransferCode.ROUND_HOLD),
        "spring",
        sponsor_id,
    )


def _columns(words: list[str]) -> Batch:
    _, transfer_id, debit, credits_, at = words
    pairs = [pair.split(":") for pair in credits_.split(",") if ":" in pair]
    person_ids = [int(pair[0]) for pair in pairs if pair[0]]
    amounts_fen = [int(pair[1]) for pair in pairs]
    seq, step = at.removeprefix("at=").rstrip("+").split(".")
    columns = WalletCredits(
        TransferId(transfer_id),
        AccountId(_NAMES[debit]),
        person_ids,
        amounts_fen,
        TransferCode.PACKET,
        "spring",
    )
    position = Position("allocation/0", int(seq), int(step), more=at.endswith("+"))
    return Batch(columns=[columns], position=position)


TABLES = {
    "CREATED": """
        t1 bank s7 100 CREATED
        t2 s7 e0 60 CREATED
        pay f1 e0 1:10,2:20,1:5 at=1.0 CREATED
    """,
    "EXISTS": """
        t1 bank s7 100 CREATED
        t1 bank s7 100 EXISTS
        t2 s7 e0 60 + t3 s7 e1 40 CREATED
        t2 s7 e0 60 + t3 s7 e1 40 EXISTS
        t3 s7 e1 40 EXISTS
        pay f1 e0 1:10 at=3.0 CREATED
        pay f1 e0 1:10 at=3.0 EXISTS
        pay f0 e0 1:10 at=2.0 EXISTS
        pay f2 e0 1:10 at=4.0+ CREATED
        pay f2 e0 1:10 at=4.0+ EXISTS
        pay f2 e0 1:10 at=4.1 CREATED
        pay f2 e0 1:10 at=4.1 EXISTS
    """,
    "EXISTS_WITH_OTHER_CONTENT": """
        t1 bank s7 100 CREATED
        t1 bank s7 101 EXISTS_WITH_OTHER_CONTENT
        t1 bank s8 100 EXISTS_WITH_OTHER_CONTENT
        t1 in s7 100 EXISTS_WITH_OTHER_CONTENT
        t1 bank s7 100 of=8 EXISTS_WITH_OTHER_CONTENT
        t1 bank s7 100 EXISTS
    """,
    "EXISTS_IN_PART": """
        t1 bank s7 100 CREATED
        t1 bank s7 100 + t2 bank s7 100 EXISTS_IN_PART
        t3 bank s7 1 + t3 bank s7 1 EXISTS_IN_PART
        t2 bank s7 100 CREATED
    """,
    "POSITION_SKIPPED": """
        t1 bank s7 100 CREATED
        t2 s7 e0 100 CREATED
        pay f1 e0 1:10 at=1.1 POSITION_SKIPPED
        pay f1 e0 1:10 at=1.0+ CREATED
        pay f1 e0 1:10 at=1.2 POSITION_SKIPPED
        pay f2 e0 1:10 at=2.0 POSITION_SKIPPED
        pay f1 e0 1:10 at=1.1 CREATED
        pay f9 e0 1:10 at=9.0 CREATED
    """,
    "AMOUNT_NOT_POSITIVE": """
        t1 bank s7 0 AMOUNT_NOT_POSITIVE
        t1 bank s7 -1 AMOUNT_NOT_POSITIVE
        t1 bank s7 100 CREATED
        t2 s7 e0 100 CREATED
        pay f1 e0 1:10,2:0 at=1.0 AMOUNT_NOT_POSITIVE
        pay f1 e0 1:10,2:-3 at=1.0 AMOUNT_NOT_POSITIVE
        pay f1 e0 1:10 at=1.0 CREATED
    """,
    "COLUMNS_UNEQUAL": """
        t1 bank s7 100 CREATED
        t2 s7 e0 100 CREATED
        pay f1 e0 1:10,:20 at=1.0 COLUMNS_UNEQUAL
        pay f1 e0 , at=1.0 COLUMNS_UNEQUAL
    """,
    "ACCOUNTS_SAME": """
        t1 bank s7 100 CREATED
        t2 s7 s7 100 ACCOUNTS_SAME
    """,
    "DEBIT_ACCOUNT_UNKNOWN": """
        t1 s7 e0 100 DEBIT_ACCOUNT_UNKNOWN
        t2 p1 s7 100 DEBIT_ACCOUNT_UNKNOWN
        pay f1 e0 1:10 at=1.0 DEBIT_ACCOUNT_UNKNOWN
        t3 in s7 100 CREATED
        t4 in e0 100 + t5 e0 p1 40 CREATED
        t6 p1 s7 40 CREATED
    """,
    "DEBIT_ACCOUNT_CLOSED": """
        t1 bank s7 100 CREATED
        t2 s7 e0 100 CREATED
        close e0 CLOSED
        t3 e0 s7 100 DEBIT_ACCOUNT_CLOSED
        pay f1 e0 1:10 at=1.0 DEBIT_ACCOUNT_CLOSED
    """,
    "CREDIT_ACCOUNT_CLOSED": """
        t1 bank s7 100 CREATED
        t2 s7 e0 100 CREATED
        t3 e0 s7 100 CREATED
        close e0 CLOSED
        t4 s7 e0 100 CREDIT_ACCOUNT_CLOSED
        close e1 CLOSED
        t5 s7 e1 100 CREATED
    """,
    "SPONSOR_DIFFERS": """
        t1 bank s7 100 CREATED
        t2 bank s8 100 of=8 CREATED
        t3 s7 e0 50 CREATED
        t4 s8 e0 50 of=8 SPONSOR_DIFFERS
        t5 s7 e0 50 CREATED
        t6 s8 pool 50 of=8 CREATED
        t7 in pool 50 SPONSOR_DIFFERS
    """,
    "DEBIT_WOULD_GO_NEGATIVE": """
        t1 bank s7 100 CREATED
        t2 s7 e0 101 DEBIT_WOULD_GO_NEGATIVE
        t2 s7 e0 60 + t3 s7 e1 41 DEBIT_WOULD_GO_NEGATIVE
        t2 s7 e0 60 + t3 s7 e1 40 CREATED
        pay f1 e0 1:60,2:1 at=1.0 DEBIT_WOULD_GO_NEGATIVE
        pay f1 e0 1:59,2:1 at=1.0 CREATED
        t4 p1 s7 60 DEBIT_WOULD_GO_NEGATIVE
        t4 p1 s7 59 CREATED
    """,
    "BALANCE_PAST_LIMIT": """
        t1 bank s7 BIG CREATED
        t2 bank s7 1 BALANCE_PAST_LIMIT
        t3 s7 out BIG CREATED
        t4 bank s7 BIG CREATED
        t5 bank s8 HUGE BALANCE_PAST_LIMIT
        t6 in out HUGE BALANCE_PAST_LIMIT
    """,
}


def test_every_status_has_a_table_in_the_order_of_the_enumeration() -> None:
    assert list(TABLES) == [status.name for status in TransferStatus]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_each_operation_ends_in_its_status(table: str) -> None:
    ledger = Ledger()
    for line in filter(None, map(str.strip, table.splitlines())):
        before = (dict(ledger.wallets), ledger.debits_fen, ledger.credits_fen, len(ledger.digests))
        got, wanted = operate(ledger, line)
        assert got == wanted, line
        assert ledger.debits_fen == ledger.credits_fen
        if wanted not in {"CREATED", "CLOSED"}:
            after = (dict(ledger.wallets), ledger.debits_fen, ledger.credits_fen, len(ledger.digests))
            assert after == before, line


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
    verdict = ledger.check(Batch(transfers=[_transfer(["t2", "s7", "e0", "101"])]))
    assert str(verdict) == "DEBIT_WOULD_GO_NEGATIVE t2 sponsor:7 (balance 100 fen)"


def test_columns_without_a_position_are_a_mistake_of_the_caller() -> None:
    columns = WalletCredits(TransferId("f"), AccountId("pool:x"), [1], [1], TransferCode.PACKET, "x")
    with pytest.raises(AssertionError, match="position"):
        Ledger().check(Batch(columns=[columns]))

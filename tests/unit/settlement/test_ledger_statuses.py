"""The ledger by table: every status that it can answer."""

from __future__ import annotations

import pytest

from services.settlement.domain.ledger import Ledger
from services.settlement.domain.transfers import (
    TransferStatus,
)
from tests.unit.settlement.ledger_lines import operate

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
    "PENDING_UNKNOWN": """
        t1 bank s7 100 CREATED
        post:t2:t1 bank s7 100 PENDING_UNKNOWN
        void:t2:t9 s7 e0 100 PENDING_UNKNOWN
        reserve:t3 s7 e0 100 + post:t2:t3 s7 e0 100 CREATED
    """,
    "PENDING_DIFFERS": """
        t1 bank s7 100 CREATED
        reserve:t2 s7 e0 100 CREATED
        post:t3:t2 s7 e1 100 PENDING_DIFFERS
        post:t3:t2 bank e0 100 PENDING_DIFFERS
        void:t3:t2 s7 e0 100 of=8 PENDING_DIFFERS
        void:t3:t2 s7 e0 100 CREATED
    """,
    "PENDING_ENDED": """
        t1 bank s7 100 CREATED
        reserve:t2 s7 e0 40 CREATED
        reserve:t3 s7 e0 30 CREATED
        reserve:t4 s7 e0 30 CREATED
        post:t5:t2 s7 e0 40 + post:t6:t2 s7 e0 40 PENDING_ENDED
        post:t5:t2 s7 e0 40 CREATED
        post:t5:t2 s7 e0 40 EXISTS
        post:t6:t2 s7 e0 40 PENDING_ENDED
        void:t6:t2 s7 e0 40 PENDING_ENDED
        void:t7:t3 s7 e0 30 CREATED
        post:t8:t3 s7 e0 30 PENDING_ENDED
        expire:t9:t4 s7 e0 30 CREATED
        post:u1:t4 s7 e0 30 PENDING_ENDED
        expire:u2:t4 s7 e0 30 PENDING_ENDED
    """,
    "PENDING_AMOUNT_EXCEEDED": """
        t1 bank s7 100 CREATED
        reserve:t2 s7 e0 40 CREATED
        post:t3:t2 s7 e0 41 PENDING_AMOUNT_EXCEEDED
        void:t3:t2 s7 e0 39 PENDING_AMOUNT_EXCEEDED
        expire:t3:t2 s7 e0 41 PENDING_AMOUNT_EXCEEDED
        post:t3:t2 s7 e0 39 CREATED
        t4 s7 e1 61 CREATED
        t5 s7 e1 1 DEBIT_WOULD_GO_NEGATIVE
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
    "DEBIT_ACCOUNT_FROZEN": """
        t1 bank s7 100 CREATED
        t2 s7 e0 50 CREATED
        reserve:t3 s7 e0 10 CREATED
        reserve:t4 s7 e0 10 CREATED
        freeze s7 FROZEN
        freeze e0 FROZEN
        t5 s7 e0 10 DEBIT_ACCOUNT_FROZEN
        t5 s7 e0 100 DEBIT_ACCOUNT_FROZEN
        reserve:t5 s7 e1 10 DEBIT_ACCOUNT_FROZEN
        pay f1 e0 1:10 at=1.0 DEBIT_ACCOUNT_FROZEN
        post:t6:t3 s7 e0 10 CREATED
        void:t7:t4 s7 e0 10 CREATED
        t8 bank s7 10 CREATED
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
        reserve:t5 p1 s7 50 CREATED
        t4 p1 s7 10 DEBIT_WOULD_GO_NEGATIVE
        reserve:t6 p1 s7 10 DEBIT_WOULD_GO_NEGATIVE
        t4 p1 s7 9 CREATED
        post:t7:t5 p1 s7 20 CREATED
        t8 p1 s7 31 DEBIT_WOULD_GO_NEGATIVE
        reserve:t8 p1 s7 30 + t9 p1 s7 1 DEBIT_WOULD_GO_NEGATIVE
        t8 p1 s7 30 CREATED
        reserve:u1 s7 e1 50 CREATED
        pay f2 e1 2:40 at=2.0 CREATED
        pay f3 e1 2:1 at=3.0 DEBIT_WOULD_GO_NEGATIVE
    """,
    "BALANCE_PAST_LIMIT": """
        t1 bank s7 BIG CREATED
        t2 bank s7 1 BALANCE_PAST_LIMIT
        reserve:t2 bank s7 1 BALANCE_PAST_LIMIT
        reserve:u1 bank s8 1 of=8 CREATED
        u2 bank s8 BIG of=8 BALANCE_PAST_LIMIT
        void:u3:u1 bank s8 1 of=8 CREATED
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
        before = _seen(ledger)
        got, wanted = operate(ledger, line)
        assert got == wanted, line
        assert ledger.debits_fen == ledger.credits_fen
        if wanted not in {"CREATED", "CLOSED", "FROZEN"}:
            assert _seen(ledger) == before, line


def _seen(ledger: Ledger) -> tuple[object, ...]:
    pendings = {pending.transfer.transfer_id: pending.end for pending in ledger.pendings.all()}
    moved = (ledger.debits_fen, ledger.credits_fen)
    return dict(ledger.wallets), moved, len(ledger.digests), pendings, dict(ledger.pendings.reserved())

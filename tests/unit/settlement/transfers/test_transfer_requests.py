"""Transfers that are asked for by name, by table: one line a request, ending in the status of each item."""

from __future__ import annotations

import pytest

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import transfers_pb2 as contract
from services.settlement.domain.pending import PendingEnd
from services.settlement.domain.transfer_items import ItemStatus
from services.settlement.domain.transfers import TransferPhase
from tests.unit.settlement.transfers.desk import Desk

_RESERVED = "t1 s7 b7 100 budget phase=pending => CREATED"
TABLES = {
    "CREATED": """
        t1 s7 b7 100 budget => CREATED
        t2 b7 s7 40 unbudget => CREATED
        t3 b7 fund 10 fund ; t4 s7 fund0 10 fund => CREATED CREATED
        t5 s7 p1 10 fix & t6 p1 p2 10 fix & t7 s7 p1 1 fix => CREATED CREATED CREATED
        t8 s7 bank 100 payout phase=pending timeout=50 => CREATED
        t9 - - 30 - phase=post of_pending=t8 => CREATED
        u1 s7 b7 100 budget phase=pending ; u2 - - 0 - phase=post of_pending=u1 => CREATED CREATED
        u3 s7 b7 100 budget phase=pending ; u4 s7 b7 100 budget phase=void of_pending=u3 => CREATED CREATED
        u5 bank fund 100 fund => CREATED
    """,
    "LINKED_EVENT_FAILED": """
        t1 s7 b7 100 budget & t2 s7 b7 901 budget => LINKED_EVENT_FAILED DEBIT_WOULD_GO_NEGATIVE
        t1 s7 b7 901 budget ; t2 s7 b7 100 budget => CREATED DEBIT_WOULD_GO_NEGATIVE
        t3 s7 b7 1 budget & t4 s7 b7 0 budget ; t5 s7 b7 1 budget => FAILED AMOUNT_NOT_POSITIVE CREATED
        t3 s7 p1 1 fix phase=pending & t4 - - 2 - phase=post of_pending=t3 => FAILED PENDING_AMOUNT_EXCEEDED
        t4 - - 1 - phase=post of_pending=t3 => PENDING_UNKNOWN
        t5 s7 b7 1 budget & t6 s7 b7 1 budget => EXISTS LINKED_EVENT_FAILED
    """,
    "LINKED_CHAIN_OPEN": """
        t1 s7 b7 100 budget & => LINKED_CHAIN_OPEN
        t1 s7 b7 9 budget ; t2 s7 b7 1 budget & t3 s7 b7 1 budget & => CREATED FAILED LINKED_CHAIN_OPEN
    """,
    "EXISTS_WITH_OTHER_PHASE": f"""
        {_RESERVED}
        t1 s7 b7 100 budget => EXISTS_WITH_OTHER_PHASE
        t1 s1 b1 100 fix => EXISTS_WITH_OTHER_PHASE
        t2 - - 0 - phase=post of_pending=t1 => CREATED
        t2 - - 0 - phase=void of_pending=t1 => EXISTS_WITH_OTHER_PHASE
    """,
    "EXISTS_WITH_OTHER_PENDING_ID": f"""
        {_RESERVED}
        t2 s7 b7 100 budget phase=pending => CREATED
        t3 - - 0 - phase=void of_pending=t1 => CREATED
        t3 - - 0 - phase=void of_pending=t2 => EXISTS_WITH_OTHER_PENDING_ID
        t3 - - 0 - phase=void => EXISTS_WITH_OTHER_PENDING_ID
    """,
    "EXISTS_WITH_OTHER_TIMEOUT": f"""
        {_RESERVED}
        t1 s7 b7 100 budget phase=pending timeout=1 => EXISTS_WITH_OTHER_TIMEOUT
        t1 s7 fund 99 fund phase=pending timeout=1 => EXISTS_WITH_OTHER_TIMEOUT
    """,
    "EXISTS_WITH_OTHER_DEBIT_ACCOUNT": """
        t1 s7 fund 100 fund => CREATED
        t1 bank fund 100 fund => EXISTS_WITH_OTHER_DEBIT_ACCOUNT
        t1 bank fund0 100 fund => EXISTS_WITH_OTHER_DEBIT_ACCOUNT
        t1 - fund 100 fund => EXISTS_WITH_OTHER_DEBIT_ACCOUNT
    """,
    "EXISTS_WITH_OTHER_CREDIT_ACCOUNT": """
        t1 s7 fund0 100 fund => CREATED
        t1 s7 fund 100 fund => EXISTS_WITH_OTHER_CREDIT_ACCOUNT
        t1 s7 fund 99 fund => EXISTS_WITH_OTHER_CREDIT_ACCOUNT
        t1 s7 fund0 100 fund => EXISTS
    """,
    "EXISTS_WITH_OTHER_AMOUNT": f"""
        {_RESERVED}
        t1 s7 b7 99 budget phase=pending => EXISTS_WITH_OTHER_AMOUNT
        t1 s7 b7 99 fix phase=pending => EXISTS_WITH_OTHER_AMOUNT
        t2 - - 30 - phase=post of_pending=t1 => CREATED
        t2 - - 0 - phase=post of_pending=t1 => EXISTS_WITH_OTHER_AMOUNT
    """,
    "EXISTS_WITH_OTHER_CODE": """
        t1 s7 fund 100 fund => CREATED
        t1 s7 fund 100 fix => EXISTS_WITH_OTHER_CODE
        t1 s7 fund 100 fix of=spring => EXISTS_WITH_OTHER_CODE
    """,
    "EXISTS_WITH_OTHER_CAMPAIGN": """
        t1 s7 fund 100 fund => CREATED
        t1 s7 fund 100 fund of=spring ref=x => EXISTS_WITH_OTHER_CAMPAIGN
    """,
    "EXISTS_WITH_OTHER_REFERENCE": """
        t1 s7 fund 100 fund ref=x => CREATED
        t1 s7 fund 100 fund ref=y => EXISTS_WITH_OTHER_REFERENCE
        t1 s7 fund 100 fund => EXISTS_WITH_OTHER_REFERENCE
    """,
    "EXISTS": f"""
        t0 s7 fund0 100 fund ref=x => CREATED
        t0 s7 fund0 100 fund ref=x => EXISTS
        {_RESERVED}
        t1 s7 b7 100 budget phase=pending => EXISTS
        t2 - - 100 - phase=post of_pending=t1 => CREATED
        t2 - - 0 - phase=post of_pending=t1 => EXISTS
        t2 s7 b7 100 budget phase=post of_pending=t1 => EXISTS
        t3 s7 b7 1 budget & t4 s7 b7 2 budget => CREATED CREATED
        t3 s7 b7 1 budget & t4 s7 b7 2 budget => EXISTS EXISTS
        time 999 =>
        t0 s7 fund0 100 fund ref=x => EXISTS
        time 1000 =>
        t0 s7 fund0 100 fund ref=x => EXISTS
    """,
    "TOO_LATE": """
        time 10 =>
        t1 s7 b7 1 budget ends=10 => TOO_LATE
        t1 s7 b7 0 packet phase=void ends=10 => TOO_LATE
        t1 s7 b7 1 budget ends=11 => CREATED
        time 20 =>
        t2 s7 b7 1 budget => CREATED
        t1 s7 b7 1 budget ends=11 => TOO_LATE
        time 5 =>
        t3 s7 b7 1 budget ends=20 => TOO_LATE
        t3 s7 b7 1 budget ends=21 => CREATED
    """,
    "PENDING_ID_MISPLACED": f"""
        {_RESERVED}
        t2 - - 0 - phase=post => PENDING_ID_MISPLACED
        t2 - - 0 - phase=void => PENDING_ID_MISPLACED
        t2 s7 b7 100 budget of_pending=t1 => PENDING_ID_MISPLACED
        t2 s7 b7 100 budget phase=pending of_pending=t1 => PENDING_ID_MISPLACED
        t2 - - 0 - phase=post timeout=1 => PENDING_ID_MISPLACED
    """,
    "TIMEOUT_MISPLACED": f"""
        {_RESERVED}
        t2 s7 b7 100 budget timeout=1 => TIMEOUT_MISPLACED
        t2 - - 0 - phase=post of_pending=t1 timeout=1 => TIMEOUT_MISPLACED
        t2 - - 0 - phase=post of_pending=t9 timeout=1 => TIMEOUT_MISPLACED
    """,
    "PENDING_UNKNOWN": """
        t1 s7 b7 100 budget => CREATED
        t2 - - 0 - phase=post of_pending=t1 => PENDING_UNKNOWN
        t2 - - 0 - phase=void of_pending=t2 => PENDING_UNKNOWN
    """,
    "PENDING_DIFFERS": f"""
        {_RESERVED}
        t2 s1 - 0 - phase=post of_pending=t1 => PENDING_DIFFERS
        t2 - b1 0 - phase=post of_pending=t1 => PENDING_DIFFERS
        t2 - - 0 fix phase=void of_pending=t1 => PENDING_DIFFERS
        t2 - - 0 - phase=void of_pending=t1 of=autumn => PENDING_DIFFERS
        t3 - - 0 - phase=void of_pending=t1 => CREATED
        t2 s1 - -1 - phase=post of_pending=t1 => PENDING_DIFFERS
    """,
    "PENDING_ALREADY_POSTED": f"""
        {_RESERVED}
        t2 - - 1 - phase=post of_pending=t1 => CREATED
        t3 - - 99 - phase=post of_pending=t1 ; t4 s7 b7 1 budget => PENDING_ALREADY_POSTED CREATED
        t3 - - 99 - phase=post of_pending=t1 => PENDING_ALREADY_POSTED
        t3 - - 0 - phase=void of_pending=t1 => PENDING_ALREADY_POSTED
        t3 - - -1 - phase=post of_pending=t1 => PENDING_ALREADY_POSTED
    """,
    "PENDING_ALREADY_VOIDED": f"""
        {_RESERVED}
        t2 - - 0 - phase=void of_pending=t1 => CREATED
        t3 - - 99 - phase=post of_pending=t1 => PENDING_ALREADY_VOIDED
        t3 - - 0 - phase=void of_pending=t1 => PENDING_ALREADY_VOIDED
    """,
    "PENDING_EXPIRED": """
        t1 s7 b7 100 budget phase=pending timeout=50 => CREATED
        time 50 =>
        t2 - - 1 - phase=post of_pending=t1 => CREATED
        t4 s7 b7 100 budget phase=pending timeout=50 => CREATED
        time 100 =>
        t5 - - 0 - phase=post of_pending=t4 => PENDING_EXPIRED
        t5 - - -1 - phase=void of_pending=t4 => PENDING_EXPIRED
        expire =>
        t5 - - 0 - phase=post of_pending=t4 => PENDING_EXPIRED
        t6 s7 b7 999 budget => CREATED
    """,
    "AMOUNT_NOT_POSITIVE": f"""
        t0 s7 b7 0 budget => AMOUNT_NOT_POSITIVE
        t0 bad e -1 packet => AMOUNT_NOT_POSITIVE
        {_RESERVED}
        t2 - - -1 - phase=post of_pending=t1 => AMOUNT_NOT_POSITIVE
        t2 - - -1 - phase=void of_pending=t1 => AMOUNT_NOT_POSITIVE
    """,
    "PENDING_AMOUNT_EXCEEDED": f"""
        {_RESERVED}
        t2 - - 101 - phase=post of_pending=t1 => PENDING_AMOUNT_EXCEEDED
        t2 - - 99 - phase=void of_pending=t1 => PENDING_AMOUNT_EXCEEDED
    """,
    "ACCOUNT_IMPOSSIBLE": """
        t1 bad b7 1 budget => ACCOUNT_IMPOSSIBLE
        t1 s7 bad 1 fix => ACCOUNT_IMPOSSIBLE
        t1 - b7 1 budget => ACCOUNT_IMPOSSIBLE
        t1 worse worse 1 packet => ACCOUNT_IMPOSSIBLE
    """,
    "ACCOUNTS_SAME": """
        t1 s7 s7 1 fix => ACCOUNTS_SAME
        t1 e e 1 packet => ACCOUNTS_SAME
    """,
    "CODE_NOT_ALLOWED": """
        t1 s7 b7 1 unbudget => CODE_NOT_ALLOWED
        t1 s7 p1 1 packet => CODE_NOT_ALLOWED
        t1 e p1 1 fix => CODE_NOT_ALLOWED
        t1 s7 e 1 fix => CODE_NOT_ALLOWED
        t1 s7 b1 1 - of=autumn => CODE_NOT_ALLOWED
    """,
    "CAMPAIGN_DIFFERS": """
        t1 s7 b7 1 budget of=autumn => CAMPAIGN_DIFFERS
        t1 s7 b1 1 budget of=autumn => CAMPAIGN_DIFFERS
    """,
    "SPONSOR_DIFFERS": """
        t1 s7 b1 1 budget => SPONSOR_DIFFERS
        t1 s2 b1 1 budget => SPONSOR_DIFFERS
        t1 b1 s7 1 unbudget => SPONSOR_DIFFERS
    """,
    "DEBIT_ACCOUNT_MISPLACED": """
        t1 s2 fund 1 fund => DEBIT_ACCOUNT_MISPLACED
        t1 s2 fund9 1 fund => DEBIT_ACCOUNT_MISPLACED
    """,
    "CREDIT_ACCOUNT_MISPLACED": """
        t1 s7 fund9 1 fund => CREDIT_ACCOUNT_MISPLACED
        t1 s7 fund0 1 fund phase=pending => CREDIT_ACCOUNT_MISPLACED
        t1 s1 fund9 1 fund => CREDIT_ACCOUNT_MISPLACED
    """,
    "DEBIT_ACCOUNT_UNKNOWN": """
        t1 s1 fund 1 fund => DEBIT_ACCOUNT_UNKNOWN
        t1 p1 s7 1 fix => DEBIT_ACCOUNT_UNKNOWN
        freeze s7 =>
        t1 p1 s7 1 fix => DEBIT_ACCOUNT_UNKNOWN
        t2 bank fund 5 fund ; t3 fund p1 5 fix => CREATED CREATED
    """,
    "DEBIT_ACCOUNT_FROZEN": """
        t1 s7 fund 1 fund => CREATED
        t2 s7 b7 10 budget phase=pending => CREATED
        freeze s7 =>
        t3 s7 fund 1 fund => DEBIT_ACCOUNT_FROZEN
        t3 s7 fund 9999 fund phase=pending => DEBIT_ACCOUNT_FROZEN
        freeze fund =>
        t3 s7 fund 1 fund => DEBIT_ACCOUNT_FROZEN
        t4 - - 0 - phase=post of_pending=t2 => CREATED
        free s7 =>
        free fund =>
        t3 s7 fund 1 fund => CREATED
    """,
    "CREDIT_ACCOUNT_FROZEN": """
        t1 s7 fund 1 fund => CREATED
        freeze fund =>
        t2 s7 fund 9999 fund => CREDIT_ACCOUNT_FROZEN
        t2 s7 fund 1 fund phase=pending => CREDIT_ACCOUNT_FROZEN
        t2 s7 fund0 1 fund => CREATED
    """,
    "DEBIT_WOULD_GO_NEGATIVE": """
        t1 s7 fund 1001 fund => DEBIT_WOULD_GO_NEGATIVE
        t1 s7 fund 600 fund phase=pending => CREATED
        t2 s7 fund 401 fund => DEBIT_WOULD_GO_NEGATIVE
        t2 s7 bank 401 payout phase=pending => DEBIT_WOULD_GO_NEGATIVE
        t2 s7 fund 400 fund => CREATED
    """,
    "BALANCE_PAST_LIMIT": """
        t1 bank fund BIG fund => CREATED
        t2 s7 fund 1 fund => BALANCE_PAST_LIMIT
        t2 s7 fund 1001 fund => DEBIT_WOULD_GO_NEGATIVE
        t3 s7 b7 1000 budget => CREATED
        t4 bank fund0 BIG fund => CREATED
    """,
}


def test_every_status_has_a_table_in_the_order_of_the_enumeration() -> None:
    assert list(TABLES) == [status.name for status in ItemStatus]


def test_domain_and_contract_name_the_same_statuses_phases_and_ends() -> None:
    def names(contract_enum: dict[str, int], prefix: str) -> dict[str, int]:
        return {name.removeprefix(prefix): number for name, number in contract_enum.items() if number}

    assert names(dict(contract.TransferStatus.items()), "TRANSFER_STATUS_") == {
        status.name: status.value for status in ItemStatus
    }
    assert names(dict(events.TransferPhase.items()), "TRANSFER_PHASE_") == {
        phase.name: phase.value for phase in TransferPhase
    }
    assert names(dict(events.PendingEnd.items()), "PENDING_END_") == {
        end.name: end.value for end in PendingEnd
    }


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_each_item_ends_in_its_status(table: str) -> None:
    desk = Desk()
    for line in filter(None, map(str.strip, table.splitlines())):
        before, events_before = desk.state.snapshot(), len(desk.journal)
        got, wanted = desk.operate(line)
        assert got == wanted, line
        if got and "CREATED" not in got:
            assert (desk.state.snapshot(), len(desk.journal)) == (before, events_before), line
    for snapshot_seq in range(len(desk.journal) + 1):
        assert desk.rebuilt(snapshot_seq).snapshot() == desk.state.snapshot()

"""Until when transfers are remembered, and when pending ones expire."""

from __future__ import annotations

from services.mesh.timestamps import milliseconds
from services.settlement.domain.expiry import expire_pendings
from tests.unit.settlement.transfers.desk import Desk


def test_ids_are_forgotten_when_nobody_may_ask_any_more() -> None:
    desk = Desk()
    for line in (
        "t1 s7 b7 100 budget ends=100 =>",
        "t2 s7 b7 100 budget phase=pending ends=100 =>",
        "t3 s7 b7 100 budget phase=pending timeout=120 ends=100 =>",
        "time 110 =>",
        "t4 - - 0 - phase=post of_pending=t2 ends=200 =>",
        "time 130 =>",
        "expire =>",
    ):
        desk.operate(line)
    known = {transfer_id: desk.state.requested.find(transfer_id) for transfer_id in ("t1", "t2", "t3", "t4")}
    assert [transfer_id for transfer_id, transfer in known.items() if transfer] == ["t2", "t3", "t4"]
    desk.operate("time 300 =>")
    desk.operate("t5 s7 b7 1 budget ends=301 =>")
    assert len(desk.state.requested) == 1
    assert not list(desk.state.ledger.pendings.all())
    assert {transfer_id for transfer_id in desk.state.ledger.digests if transfer_id[0] == "t"} == {"t5"}
    assert desk.rebuilt(4).snapshot() == desk.state.snapshot()


def test_what_is_asked_for_again_for_longer_is_remembered_for_longer() -> None:
    """A copy of the second request may be held up, and come when the end of the first one is over."""
    desk = Desk()
    first, again = "t1 s7 b7 100 budget ends=100", "t1 s7 b7 100 budget ends=200"
    assert desk.ask(first) == ["CREATED"]
    desk.operate("time 50 =>")
    assert desk.ask(again) == ["EXISTS"]

    desk.operate("time 150 =>")
    assert desk.ask("t2 s7 b7 1 budget ends=300") == ["CREATED"]
    assert desk.ask(again) == ["EXISTS"]
    assert desk.state.ledger.balance_fen("budget:spring:7") == 101
    assert desk.rebuilt(3).snapshot() == desk.state.snapshot()
    journal_length = len(desk.journal)
    assert desk.ask(again) == ["EXISTS"]
    assert len(desk.journal) == journal_length, "what is remembered for as long needs no further record"

    desk.operate("time 200 =>")
    assert desk.ask("t3 s7 b7 1 budget ends=300") == ["CREATED"]
    assert desk.ask(again) == ["TOO_LATE"]


def test_what_exists_is_remembered_for_longer_also_when_the_rest_of_its_chain_fails() -> None:
    desk = Desk()
    assert desk.ask("t1 s7 b7 900 budget phase=pending ends=100") == ["CREATED"]
    assert desk.ask("t2 - - 0 - phase=post of_pending=t1 ends=100") == ["CREATED"]
    chain = "t2 - - 0 - phase=post of_pending=t1 & t3 s7 b7 500 budget ends=200"
    assert desk.ask(chain) == ["EXISTS", "LINKED_EVENT_FAILED"]

    desk.operate("time 150 =>")
    assert desk.ask("t4 s7 b7 1 budget ends=300") == ["CREATED"]

    assert desk.ask(chain) == ["EXISTS", "LINKED_EVENT_FAILED"]
    assert desk.rebuilt(4).snapshot() == desk.state.snapshot()


def test_a_pending_transfer_expires_at_its_time_and_not_before() -> None:
    desk = Desk()
    desk.operate("t1 s7 b7 100 budget phase=pending timeout=50 =>")
    pending = desk.state.ledger.pendings
    assert expire_pendings(desk.state, 50, 10, 0) is None
    event = expire_pendings(desk.state, 51, 10, 7)
    assert event is not None
    assert milliseconds(event.transfer_fact.expired.forgotten_at) == 58
    desk.commit(event)
    assert (pending.open_count, pending.expired(10_000, 1)) == (0, [])
    assert desk.state.ledger.available_fen("sponsor:7") == 1000


def test_expiry_goes_in_bounded_batches_the_oldest_first() -> None:
    desk = Desk()
    for number, timeout in enumerate((30, 10, 20)):
        desk.operate(f"t{number} s7 b7 1 budget phase=pending timeout={timeout} =>")
    event = expire_pendings(desk.state, 100, 2, 0)
    assert event is not None
    assert [transfer.pending_id for transfer in event.transfers] == ["t1", "t2"]

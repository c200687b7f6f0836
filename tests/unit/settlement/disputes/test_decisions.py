"""What is paid from where, by whose decision, and what is remembered of it."""

from __future__ import annotations

import pytest

from hongbao.settlement.v1 import dispute_events_pb2 as steps
from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.disputes.dispute import DisputeState
from tests.unit.settlement.disputes.desk import EVE_MS, FUND, PERSON, SPONSOR, WALLET, Desk, refused


def test_the_fund_pays_into_the_wallet() -> None:
    desk = Desk()
    desk.fund(500)
    dispute_id = desk.opened(desk.credited(350))
    desk.decide(dispute_id, 200)
    assert (desk.balance_fen(FUND), desk.balance_fen(WALLET)) == (300, 550)
    payment = desk.dispute(dispute_id).payment
    assert payment is not None
    assert payment.source == steps.DISPUTE_SOURCE_FUND
    event = pb.SettlementEvent.FromString(desk.journal[-1].payload)
    assert event.transfers[0].code == pb.TRANSFER_CODE_COMPENSATION
    assert event.transfers[0].transfer_id == payment.transfer_id
    assert event.transfers[0].source_reference == "entry:2:0"


def test_what_an_operator_moved_by_hand_is_reversed_and_the_first_posting_stays() -> None:
    desk = Desk()
    desk.fund(500)
    entry = desk.debited(150)
    before = [recorded.payload for recorded in desk.journal]
    dispute_id = desk.opened(entry)
    desk.decide(dispute_id, 150)
    assert desk.balance_fen(accounts.sponsor(SPONSOR)) == 0
    assert (desk.balance_fen(FUND), desk.balance_fen(WALLET)) == (500, 150)
    payment = desk.dispute(dispute_id).payment
    assert payment is not None
    assert payment.source == steps.DISPUTE_SOURCE_REVERSAL
    assert [recorded.payload for recorded in desk.journal][: len(before)] == before


def test_the_fund_pays_where_the_money_is_gone() -> None:
    desk = Desk()
    desk.fund(500)
    entry = desk.debited(150)
    desk.move(accounts.sponsor(SPONSOR), accounts.bank_clearing(0), 100, pb.TRANSFER_CODE_SPONSOR_PAYOUT)
    dispute_id = desk.opened(entry)
    desk.decide(dispute_id, 150)
    assert desk.balance_fen(accounts.sponsor(SPONSOR)) == 50
    assert desk.balance_fen(FUND) == 350


def test_money_of_other_people_is_never_taken_back() -> None:
    desk = Desk()
    desk.fund(500)
    dispute_id = desk.opened(desk.debited(150, to=accounts.wallet(PERSON + 1)))
    desk.decide(dispute_id, 150)
    assert desk.balance_fen(accounts.wallet(PERSON + 1)) == 150
    assert desk.balance_fen(FUND) == 350


def test_a_fund_too_small_pays_when_it_is_filled_in_the_order_of_approval() -> None:
    desk = Desk()
    desk.fund(50)
    first = desk.opened(desk.credited(350), 1)
    second = desk.opened(desk.credited(350), 2)
    desk.decide(second, 120)
    desk.decide(first, 40)
    assert (desk.is_in(first), desk.is_in(second)) == (DisputeState.APPROVED, DisputeState.APPROVED)
    assert desk.pay() == 0, "a small one does not take what a large one waits for"
    desk.crash(snapshot_seq=len(desk.journal))
    desk.fund(80)
    assert desk.pay() == 1
    assert (desk.is_in(first), desk.is_in(second)) == (DisputeState.APPROVED, DisputeState.PAID)
    desk.fund(30)
    assert desk.pay() == 1
    assert desk.balance_fen(FUND) == 0
    assert desk.pay() == 0


def test_a_reversal_waits_for_no_fund() -> None:
    desk = Desk()
    waiting = desk.opened(desk.credited(350), 1)
    desk.decide(waiting, 120)
    reversible = desk.opened(desk.debited(100), 2)
    desk.decide(reversible, 100)
    assert (desk.is_in(waiting), desk.is_in(reversible)) == (DisputeState.APPROVED, DisputeState.PAID)


def test_all_disputes_of_an_entry_pay_no_more_than_it_moved() -> None:
    desk = Desk()
    desk.fund(1_000)
    entry = desk.credited(150)
    first = desk.opened(entry, 1)
    with refused("DISPUTE_AMOUNT_EXCEEDED"):
        desk.decide(first, 151)
    desk.decide(first, 100)
    second = desk.opened(entry, 2)
    with refused("DISPUTE_AMOUNT_EXCEEDED") as refusal:
        desk.decide(second, 51)
    assert refusal.value.metadata["left_fen"] == "50"
    desk.decide(second, 50)
    with refused("ENTRY_COMPENSATED"):
        desk.open(3, entry)


def test_a_large_sum_is_not_split_to_pass_one_pair_of_eyes() -> None:
    desk = Desk()
    desk.fund(1_000)
    entry = desk.credited(400)
    desk.decide(desk.opened(entry, 1), 200)
    second = desk.opened(entry, 2)
    desk.decide(second, 1)
    assert desk.is_in(second) is DisputeState.AWAITING_APPROVAL
    with refused("OPERATOR_SAME"):
        desk.confirm(second, operator=" Wang ")
    desk.confirm(second)
    assert desk.is_in(second) is DisputeState.PAID


@pytest.mark.parametrize(
    "typed", ["WANG", "wang\n", "w ang", "\uff57\uff41\uff4e\uff47", "wa\u200bng", "\u202ewang\x00"]
)
def test_a_name_is_the_same_however_it_was_typed(typed: str) -> None:
    desk = Desk()
    desk.fund(1_000)
    dispute_id = desk.opened(desk.credited(400))
    desk.decide(dispute_id, 300)
    with refused("OPERATOR_SAME"):
        desk.confirm(dispute_id, operator=typed)


def test_after_a_second_operator_declined_anyone_decides_anew() -> None:
    desk = Desk()
    desk.fund(1_000)
    dispute_id = desk.opened(desk.credited(400))
    desk.decide(dispute_id, 300, 201)
    desk.confirm(dispute_id, 301, declines=True)
    assert desk.dispute(dispute_id).owed_fen == 0
    desk.decide(dispute_id, 250, 202, operator="li")
    desk.confirm(dispute_id, 302, operator="wang")
    assert desk.balance_fen(FUND) == 750


def test_a_person_is_paid_so_much_in_a_year_and_no_more() -> None:
    desk = Desk()
    desk.fund(10_000)
    desk.with_limits(approval_above_fen=10_000)
    desk.decide(desk.opened(desk.credited(700), 1), 700)
    second = desk.opened(desk.credited(700), 2)
    with refused("DISPUTE_LIMIT_EXCEEDED") as refusal:
        desk.decide(second, 301)
    assert refusal.value.metadata == {"limit": "dispute_year_fen_max", "used": "700", "max": "1000"}
    assert desk.is_in(second) is DisputeState.OPEN
    desk.pass_days(366)
    desk.decide(second, 301)
    assert desk.is_in(second) is DisputeState.PAID


def test_deciding_and_declining_comes_to_an_end() -> None:
    desk = Desk()
    dispute_id = desk.opened(desk.credited(400))
    for turn in range(4):
        desk.decide(dispute_id, 300, 400 + turn)
        desk.confirm(dispute_id, 500 + turn, declines=True)
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.decide(dispute_id, 300, 600)
    desk.decide(dispute_id, 0, 600)
    assert desk.is_in(dispute_id) is DisputeState.REJECTED


def test_a_step_is_taken_once_for_each_request() -> None:
    desk = Desk()
    desk.fund(1_000)
    dispute_id = desk.opened(desk.credited(400))
    desk.decide(dispute_id, 300, 201)
    assert not desk.decide(dispute_id, 300, 201)
    with refused("REQUEST_ID_REUSED"):
        desk.decide(dispute_id, 299, 201)
    with refused("REQUEST_ID_REUSED"):
        desk.confirm(dispute_id, 201)
    desk.confirm(dispute_id, 301)
    assert not desk.confirm(dispute_id, 301)
    assert not desk.decide(dispute_id, 300, 201)
    assert desk.balance_fen(FUND) == 700


def test_every_step_is_on_record_with_who_and_when() -> None:
    desk = Desk()
    dispute_id = desk.opened(desk.credited(400))
    desk.pass_days(1)
    desk.add_evidence(dispute_id)
    desk.decide(dispute_id, 300)
    desk.confirm(dispute_id)
    desk.pass_days(1)
    desk.fund(300)
    desk.pay()
    trail = [
        (step.event.WhichOneof("step"), step.event.operator, (step.time_ms - EVE_MS) // 86_400_000)
        for step in desk.dispute(dispute_id).steps
    ]
    assert trail == [
        ("opened", "", 0),
        ("evidence_added", "", 1),
        ("decided", "wang", 1),
        ("confirmed", "li", 1),
        ("paid", "", 2),
    ]


def test_a_dispute_is_forgotten_when_it_counts_for_nothing_any_more() -> None:
    desk = Desk()
    desk.fund(1_000)
    entry = desk.credited(150)
    dispute_id = desk.opened(entry, 1)
    desk.decide(dispute_id, 100)
    desk.pass_days(399)
    desk.opened(desk.credited(100), 2)
    assert desk.is_in(dispute_id) is DisputeState.PAID
    desk.pass_days(2)
    desk.opened(desk.credited(100), 3)
    with refused("DISPUTE_UNKNOWN"):
        desk.dispute(dispute_id)
    assert f"dispute:{dispute_id}" not in desk.state.ledger.digests
    # Even where entries may be disputed for longer since: what was paid for this one is not known any more.
    desk.with_limits(entry_age_days_max=3_650)
    with refused("ENTRY_TOO_OLD"):
        desk.open(4, entry)
    desk.crash(snapshot_seq=len(desk.journal))
    with refused("ENTRY_TOO_OLD"):
        desk.open(4, entry)

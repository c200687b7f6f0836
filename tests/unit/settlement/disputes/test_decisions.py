"""What is refused, what is paid from where, and what is remembered."""

from __future__ import annotations

import pytest

from hongbao.settlement.v1 import dispute_events_pb2 as steps
from hongbao.settlement.v1 import disputes_pb2
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.errors import ServiceError
from services.mesh.timestamps import timestamp
from services.settlement.domain import accounts
from services.settlement.domain.disputes import decisions
from services.settlement.domain.disputes.dispute import DisputeState, new_dispute_id, person_of_dispute
from services.settlement.domain.disputes.entries import entry_in
from tests.unit.settlement.disputes.desk import EVE_MS, FUND, LIMITS, PERSON, SPONSOR, WALLET, Desk, uuid

PACKET = pb.TRANSFER_CODE_PACKET


def refused(reason: str) -> pytest.RaisesExc[ServiceError]:
    return pytest.raises(ServiceError, match=f"^{reason}:")


# Opening.


def test_a_dispute_is_named_after_its_person_and_its_request() -> None:
    dispute_id = new_dispute_id(PERSON, uuid(1).upper())
    assert dispute_id == new_dispute_id(PERSON, uuid(1))
    assert person_of_dispute(dispute_id) == PERSON
    others = {new_dispute_id(PERSON, uuid(2)), new_dispute_id(8, uuid(1))}
    assert len(others) == 2
    assert dispute_id not in others


def test_the_same_request_again_opens_nothing() -> None:
    desk = Desk()
    entry = desk.credited(350)
    assert desk.open(1, entry)
    assert not desk.open(1, entry)
    with refused("REQUEST_ID_REUSED"):
        desk.open(1, entry, text="另一句话")
    with refused("REQUEST_ID_REUSED"):
        desk.open(1, desk.credited(350))


def test_an_entry_has_one_open_dispute_at_a_time() -> None:
    desk = Desk()
    entry = desk.credited(350)
    first = desk.opened(entry)
    with refused("ENTRY_ALREADY_DISPUTED"):
        desk.open(2, entry)
    desk.decide(first, 0)
    assert desk.open(2, entry)


def test_what_was_paid_for_a_dispute_is_not_disputed_again() -> None:
    desk = Desk()
    desk.fund(100)
    desk.decide(desk.opened(desk.credited(350)), 100)
    with refused("ENTRY_NOT_DISPUTABLE"):
        desk.open(2, desk.entry(len(desk.journal)))


def test_old_entries_cannot_be_disputed() -> None:
    desk = Desk()
    entry = desk.credited(350)
    desk.pass_days(180)
    assert desk.open(1, entry)
    desk.pass_days(1)
    with refused("ENTRY_TOO_OLD"):
        desk.open(2, entry)


def test_a_person_has_so_many_open_disputes_and_no_more() -> None:
    desk = Desk()
    dispute_ids = [desk.opened(desk.credited(100), number) for number in range(LIMITS.open_max)]
    with refused("DISPUTE_LIMIT_EXCEEDED") as refusal:
        desk.open(9, desk.credited(100))
    assert refusal.value.metadata == {"limit": "dispute_open_max", "used": "3", "max": "3"}
    desk.withdraw(dispute_ids[1])
    assert desk.open(9, desk.credited(100))
    assert desk.open(10, desk.credited(100, PERSON + 1), PERSON + 1)


def test_a_person_opens_so_many_disputes_in_a_year_of_beijing_and_no_more() -> None:
    desk = Desk()
    for number in range(LIMITS.year_max):
        desk.withdraw(desk.opened(desk.credited(100), number))
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.open(50, desk.credited(100))
    # At four in the afternoon in Greenwich it is the next year in Beijing.
    desk.now_ms = 1_483_200_000_000 - 1
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.open(50, desk.credited(100))
    desk.now_ms += 1
    assert desk.open(50, desk.credited(100))


def test_a_shard_remembers_so_many_disputes_and_takes_no_more() -> None:
    desk = Desk()
    desk.with_limits(shard_max=2)
    for number in (1, 2):
        desk.opened(desk.credited(100, number), number, number)
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.open(3, desk.credited(100))


@pytest.mark.parametrize(
    ("ahead_ms", "reason"),
    [(0, "DISPUTE_REQUEST_TOO_LATE"), (-1, "DISPUTE_REQUEST_TOO_LATE"), (60_001, "DISPUTE_REQUEST_TOO_LONG")],
)
def test_a_request_says_until_when_it_may_be_carried_out(ahead_ms: int, reason: str) -> None:
    decisions.check_in_time(EVE_MS + 60_000, EVE_MS, LIMITS)
    with refused(reason):
        decisions.check_in_time(EVE_MS + ahead_ms, EVE_MS, LIMITS)


# Evidence.


def test_evidence_is_added_once_for_each_request_and_so_often() -> None:
    desk = Desk()
    dispute_id = desk.opened(desk.credited(350))
    assert desk.add_evidence(dispute_id, 1001)
    assert not desk.add_evidence(dispute_id, 1001)
    with refused("REQUEST_ID_REUSED"):
        desk.add_evidence(dispute_id, 1001, text="别的")
    with refused("REQUEST_ID_REUSED"):
        desk.add_evidence(dispute_id, 1001, operator="wang")
    assert desk.add_evidence(dispute_id, 1002)
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.add_evidence(dispute_id, 1003)
    assert not desk.add_evidence(dispute_id, 1002), "what was done before is told, whatever the limits"


def test_words_are_bounded_for_a_dispute_and_for_a_shard() -> None:
    desk = Desk()
    dispute_id = desk.opened(desk.credited(350))
    desk.with_limits(bytes_max=desk.dispute(dispute_id).kept_bytes + 1)
    desk.add_evidence(dispute_id, 1001, text="长" * 2_000)
    with refused("DISPUTE_LIMIT_EXCEEDED") as refusal:
        desk.add_evidence(dispute_id, 1002)
    assert refusal.value.metadata["limit"] == "dispute_bytes_max"
    kept_bytes = desk.state.disputes.kept_bytes
    assert kept_bytes == desk.dispute(dispute_id).kept_bytes > 6_000
    desk.with_limits(bytes_max=1 << 20, shard_bytes_max=kept_bytes)
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.open(2, desk.credited(100))
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.add_evidence(dispute_id, 1003)
    desk.crash(snapshot_seq=len(desk.journal))
    assert desk.state.disputes.kept_bytes == kept_bytes
    desk.withdraw(dispute_id)
    desk.pass_days(500)
    desk.with_limits(shard_bytes_max=1 << 20)
    desk.opened(desk.credited(100), 3)
    assert desk.state.disputes.kept_bytes < 1_000, "what is forgotten takes nothing"


def test_another_person_adds_no_evidence() -> None:
    desk = Desk()
    with refused("DISPUTE_UNKNOWN"):
        desk.add_evidence(desk.opened(desk.credited(350)), person_id=PERSON + 1)


# Deciding and paying.


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


# Forgetting.


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


# Entries.


def test_the_lines_of_an_event_are_counted_through_transfers_and_columns() -> None:
    event = pb.SettlementEvent(
        transfers=[
            pb.Transfer(
                transfer_id="a",
                debit_account_id=WALLET,
                credit_account_id="envelope:9",
                amount_fen=5,
                code=pb.TRANSFER_CODE_ENVELOPE_HOLD,
            ),
            pb.Transfer(
                transfer_id="b",
                debit_account_id=WALLET,
                credit_account_id="bank_clearing:0",
                amount_fen=6,
                code=pb.TRANSFER_CODE_ADJUSTMENT,
                phase=pb.TRANSFER_PHASE_PENDING,
            ),
        ],
        wallet_credits=[
            pb.WalletCredits(
                debit_account_id="escrow:s.r:0", person_ids=[1, PERSON], amounts_fen=[7, 8], code=PACKET
            ),
            pb.WalletCredits(
                debit_account_id="escrow:s.r:0",
                person_ids=[PERSON],
                amounts_fen=[9],
                code=PACKET,
                waiting_hold_id="s.r",
            ),
        ],
    )
    entries = [entry_in(event, 1, EVE_MS, PERSON, line) for line in range(6)]
    assert [entry and (entry.amount_fen, entry.credited, entry.other) for entry in entries] == [
        (5, False, "envelope:9"),
        None,
        None,
        (8, True, "escrow:s.r:0"),
        None,
        None,
    ]


def test_the_claim_reaches_the_record_as_it_was_said() -> None:
    desk = Desk()
    entry = desk.credited(350)
    asked = disputes_pb2.OpenDisputeRequest(
        request_id=uuid(1),
        request_ends_at=timestamp(EVE_MS + 1),
        person_id=PERSON,
        entry_seq=entry.seq,
        entry_line=entry.line,
        claim=steps.DisputeEvidence(text="少了三元", references=["chat:42"]),
    )
    event = decisions.open_dispute(desk.state, asked, entry, EVE_MS, LIMITS)
    assert event is not None
    assert event.dispute.opened.claim == asked.claim
    assert event.dispute.opened.entry.posted_at.ToMilliseconds() == EVE_MS

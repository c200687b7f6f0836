"""Which entry is disputed, and in which words."""

from __future__ import annotations

from hongbao.settlement.v1 import dispute_events_pb2 as steps
from hongbao.settlement.v1 import disputes_pb2
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import timestamp
from services.settlement.domain.disputes import decisions
from services.settlement.domain.disputes.entries import entry_in
from tests.unit.settlement.disputes.desk import EVE_MS, LIMITS, PERSON, WALLET, Desk, uuid

PACKET = pb.TRANSFER_CODE_PACKET


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

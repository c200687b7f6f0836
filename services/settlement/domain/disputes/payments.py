"""What is owed for a dispute is paid: the movement is reversed where that can be, else the fund pays.

A reversal is a new posting that refers to the old one. It is made only where an operator had moved the money
by hand to an account of the house: a sponsor, the fund, a remainder. What is in an envelope is promised to
whoever claims it, what is in another wallet is another person's, and what is in the bank is gone; for these
the fund pays.
"""

from __future__ import annotations

from collections.abc import Iterator

from hongbao.settlement.v1 import dispute_events_pb2
from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.accounts import AccountCode, code_of
from services.settlement.domain.disputes.dispute import Dispute, DisputeState
from services.settlement.domain.disputes.limits import DisputeLimits
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfers import TransferCode, TransferStatus

_REVERSIBLE = frozenset({AccountCode.SPONSOR, AccountCode.COMPENSATION, AccountCode.REMAINDER})
_FUND_SHORT = frozenset(
    {
        TransferStatus.DEBIT_ACCOUNT_UNKNOWN,
        TransferStatus.DEBIT_ACCOUNT_CLOSED,
        TransferStatus.DEBIT_ACCOUNT_FROZEN,
        TransferStatus.DEBIT_WOULD_GO_NEGATIVE,
    }
)


def settle(
    state: SettlementState,
    dispute: Dispute,
    step: dispute_events_pb2.DisputeEvent,
    amount_fen: int,
    now_ms: int,
    limits: DisputeLimits,
) -> pb.SettlementEvent:
    """An event with `step`, and with the payment where the money is there now; else it is paid later."""
    # In the order of approval: a small one never takes from the fund what a large one waits for.
    fund = not state.disputes.unpaid()
    for source, transfer in _ways(state, dispute, amount_fen, fund=fund):
        event = _paid(dispute, step, source, transfer, now_ms, limits)
        if state.check(event).created:
            return event
    approved = dispute_events_pb2.DisputeEvent()
    approved.CopyFrom(step)
    approved.state = dispute_events_pb2.DISPUTE_STATE_APPROVED
    return pb.SettlementEvent(dispute=approved)


def pay_unpaid(state: SettlementState, now_ms: int, limits: DisputeLimits) -> pb.SettlementEvent | None:
    """Pays the first approved dispute that can be paid; None when none can."""
    fund = True
    for dispute in state.disputes.unpaid():
        step = dispute_events_pb2.DisputeEvent(
            dispute_id=dispute.dispute_id, paid=dispute_events_pb2.DisputePaid()
        )
        for source, transfer in _ways(state, dispute, dispute.owed_fen, fund=fund):
            event = _paid(dispute, step, source, transfer, now_ms, limits)
            verdict = state.check(event)
            if verdict.created:
                return event
            if source is dispute_events_pb2.DISPUTE_SOURCE_FUND and verdict.status in _FUND_SHORT:
                fund = False
    return None


def _ways(
    state: SettlementState, dispute: Dispute, amount_fen: int, *, fund: bool
) -> Iterator[tuple[dispute_events_pb2.DisputeSource.ValueType, pb.Transfer]]:
    """How a dispute can be paid, the best way first."""
    entry = dispute.entry
    if not entry.credited and entry.code is TransferCode.ADJUSTMENT and code_of(entry.other) in _REVERSIBLE:
        transfer = _transfer(dispute, entry.other, amount_fen, pb.TRANSFER_CODE_REVERSAL)
        transfer.campaign_id = entry.campaign_id
        yield dispute_events_pb2.DISPUTE_SOURCE_REVERSAL, transfer
    if fund:
        account_id = accounts.compensation(state.shard)
        transfer = _transfer(dispute, account_id, amount_fen, pb.TRANSFER_CODE_COMPENSATION)
        yield dispute_events_pb2.DISPUTE_SOURCE_FUND, transfer


def _transfer(dispute: Dispute, debit: str, amount_fen: int, code: pb.TransferCode.ValueType) -> pb.Transfer:
    # Of no campaign, as the fund is: only a reversal undoes what a campaign's books have.
    return pb.Transfer(
        transfer_id=f"dispute:{dispute.dispute_id}",
        debit_account_id=debit,
        credit_account_id=accounts.wallet(dispute.person_id),
        amount_fen=amount_fen,
        code=code,
        source_reference=f"entry:{dispute.entry.seq}:{dispute.entry.line}",
    )


def _paid(
    dispute: Dispute,
    step: dispute_events_pb2.DisputeEvent,
    source: dispute_events_pb2.DisputeSource.ValueType,
    transfer: pb.Transfer,
    now_ms: int,
    limits: DisputeLimits,
) -> pb.SettlementEvent:
    event = pb.SettlementEvent(transfers=[transfer], dispute=step)
    event.dispute.state = dispute_events_pb2.DisputeState.ValueType(DisputeState.PAID)
    event.dispute.payment.source = source
    event.dispute.payment.transfer_id = transfer.transfer_id
    event.dispute.payment.amount_fen = transfer.amount_fen
    event.dispute.forget_at.FromMilliseconds(limits.forget_ms(dispute.entry, now_ms))
    return event

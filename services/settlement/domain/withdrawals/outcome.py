"""What the bank's word does to a withdrawal: the one table behind answers, queries and reports."""

from __future__ import annotations

from dataclasses import dataclass

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.withdrawals import records
from services.settlement.domain.withdrawals.rail import Payment, PaymentStatus
from services.settlement.domain.withdrawals.values import (
    Withdrawal,
    WithdrawalFailure,
    WithdrawalState,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from the bank's word."""

    event: pb.SettlementEvent | None = None
    """What to commit; None when nothing is new."""
    contradiction: str = ""
    """What contradicts what, in words; empty when nothing does."""


def outcome_of(
    withdrawal: Withdrawal, payment: Payment, *, asked_ms: int, kept_until_ms: int, shard: int
) -> Outcome:
    """What follows.

    Args:
        withdrawal: as it is now, whatever it was when the bank was asked.
        payment: what the bank says.
        asked_ms: when it was asked: who is asked before the cut-off, and answers after, may not know yet.
        kept_until_ms: until when a withdrawal that ends now is remembered.
        shard: of the withdrawal.
    """
    match payment.status:
        case PaymentStatus.PROCESSING:
            return Outcome()
        case PaymentStatus.NOT_FOUND:
            return _not_found(withdrawal, payment, asked_ms, kept_until_ms, shard)
    detail = _contradiction(withdrawal, payment)
    if detail:
        return _contradicted(withdrawal, payment, detail)
    if not withdrawal.is_open:
        return Outcome()
    ends_ms = max(kept_until_ms, withdrawal.order.request_ends_ms)
    if payment.status is PaymentStatus.PAID:
        return Outcome(records.succeeded(withdrawal.order, shard, payment, ends_ms))
    failure = payment.failure or WithdrawalFailure.OTHER
    return Outcome(records.failed(withdrawal.order, shard, failure, payment, ends_ms))


def silent(withdrawal: Withdrawal) -> Outcome:
    """What follows when the bank does not answer."""
    if withdrawal.state is not WithdrawalState.SUBMITTED:
        return Outcome()
    return Outcome(records.doubted(withdrawal.withdrawal_id))


def _not_found(
    withdrawal: Withdrawal, payment: Payment, asked_ms: int, kept_until_ms: int, shard: int
) -> Outcome:
    match withdrawal.state:
        case WithdrawalState.SUBMITTED | WithdrawalState.UNKNOWN if asked_ms >= withdrawal.cut_off_ms:
            ends_ms = max(kept_until_ms, withdrawal.order.request_ends_ms)
            not_taken = WithdrawalFailure.NOT_TAKEN
            return Outcome(records.failed(withdrawal.order, shard, not_taken, payment, ends_ms))
        case _ if withdrawal.booked_as_paid:
            return _contradicted(withdrawal, payment, "the bank does not know what it has paid")
    return silent(withdrawal)


def _contradiction(withdrawal: Withdrawal, payment: Payment) -> str:
    """What is wrong with a final word of the bank; empty when nothing is."""
    paid = payment.status is PaymentStatus.PAID
    if withdrawal.state is WithdrawalState.REQUESTED:
        return "the bank decided what it was never sent"
    if payment.amount_fen != withdrawal.order.amount_fen:
        return f"the bank speaks of {payment.amount_fen} fen, not of {withdrawal.order.amount_fen} fen"
    if paid and not withdrawal.is_open and not withdrawal.booked_as_paid:
        return "the bank paid what had failed, and the money is in the wallet again"
    if not paid and withdrawal.booked_as_paid:
        return "the bank refused what it had paid"
    return ""


def _contradicted(withdrawal: Withdrawal, payment: Payment, detail: str) -> Outcome:
    if withdrawal.contradiction:
        # One is on record: somebody has to look, and a bank that goes on and on fills no journal.
        return Outcome(contradiction=detail)
    event = records.contradicted(
        withdrawal.withdrawal_id,
        paid=payment.status is PaymentStatus.PAID,
        amount_fen=payment.amount_fen,
        detail=detail,
    )
    return Outcome(event, detail)

"""Resolutions on record: what operators found in the bank's statement, and what a withdrawal is after it."""

from __future__ import annotations

from dataclasses import replace

from hongbao.settlement.v1 import withdrawal_events_pb2 as withdrawal_pb
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.withdrawals.values import (
    Resolution,
    ResolvedOutcome,
    Withdrawal,
    WithdrawalFailure,
    WithdrawalState,
)


def transfer_id_of(withdrawal_id: int, count: int) -> str:
    """The transfer of a withdrawal's resolution, by how many there were with it: 1 for the first."""
    return f"withdrawal:{withdrawal_id}:resolve:{count}"


def transfer_ids(withdrawal: Withdrawal) -> list[str]:
    """The transfers that its resolutions may have made."""
    counts = range(1, len(withdrawal.resolutions) + 1)
    return [transfer_id_of(withdrawal.withdrawal_id, count) for count in counts]


def resolved_of(withdrawal: Withdrawal, resolution: Resolution) -> withdrawal_pb.WithdrawalResolved:
    """A resolution as it is on record."""
    order = withdrawal.order
    return withdrawal_pb.WithdrawalResolved(
        withdrawal_id=order.withdrawal_id,
        person_id=order.person_id,
        amount_fen=order.amount_fen,
        outcome=withdrawal_pb.ResolvedOutcome.ValueType(resolution.outcome),
        operator=resolution.operator,
        second_operator=resolution.second_operator,
        reason=resolution.reason,
        bank_reference=resolution.bank_reference,
        contradiction=resolution.contradiction,
        resolved_at=timestamp(resolution.resolved_ms),
        kept_until_at=timestamp(withdrawal.kept_until_ms),
        request_id=resolution.request_id,
    )


def resolution_of(resolved: withdrawal_pb.WithdrawalResolved) -> Resolution:
    """The resolution that is on record."""
    return Resolution(
        request_id=resolved.request_id,
        outcome=ResolvedOutcome(resolved.outcome),
        operator=resolved.operator,
        second_operator=resolved.second_operator,
        reason=resolved.reason,
        bank_reference=resolved.bank_reference,
        contradiction=resolved.contradiction,
        resolved_ms=milliseconds(resolved.resolved_at),
    )


def after(before: Withdrawal, resolution: Resolution, kept_until_ms: int) -> Withdrawal:
    """A withdrawal once it is resolved: its state says where the person's money is."""
    state, bank_reference = before.state, before.bank_reference
    if resolution.outcome is ResolvedOutcome.NOT_PAID:
        state = WithdrawalState.FAILED
    elif before.is_open:
        state, bank_reference = WithdrawalState.SUCCEEDED, resolution.bank_reference
    failure = before.failure
    if state is WithdrawalState.FAILED:
        failure = failure or WithdrawalFailure.OTHER
    return replace(
        before,
        state=state,
        ended_ms=before.ended_ms if state is before.state else resolution.resolved_ms,
        failure=failure,
        bank_reference=bank_reference,
        kept_until_ms=kept_until_ms,
        contradiction="",
        resolutions=(*before.resolutions, resolution),
    )


def gives_back(before: Withdrawal, outcome: ResolvedOutcome) -> bool:
    """Whether the person can spend the money again by such a resolution."""
    return outcome is ResolvedOutcome.NOT_PAID and before.state is not WithdrawalState.FAILED

"""The journal's records of withdrawals, and the domain's values: the one place where the two meet."""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import withdrawal_events_pb2 as withdrawal_pb
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain import accounts
from services.settlement.domain.withdrawals.rail import Payment
from services.settlement.domain.withdrawals.resolutions import resolution_of, resolved_of
from services.settlement.domain.withdrawals.values import (
    BankCard,
    Withdrawal,
    WithdrawalFailure,
    WithdrawalId,
    WithdrawalOrder,
    WithdrawalState,
)


def transfer_ids(withdrawal_id: int) -> tuple[str, str, str]:
    """The transfers of a withdrawal: what reserves its money, what posts it, what releases it."""
    reserve = f"withdrawal:{withdrawal_id}"
    return reserve, f"{reserve}:post", f"{reserve}:void"


def requested(order: WithdrawalOrder, shard: int) -> pb.SettlementEvent:
    """The event that reserves the money."""
    event = pb.SettlementEvent()
    event.transfers.append(
        transfer(order, shard, transfer_ids(order.withdrawal_id)[0], pb.TRANSFER_PHASE_PENDING)
    )
    event.withdrawal.requested.CopyFrom(_requested(order))
    return event


def submitted(withdrawal_id: WithdrawalId, order_ends_ms: int, cut_off_ms: int) -> pb.SettlementEvent:
    """The event after which the order is sent to the bank."""
    event = pb.SettlementEvent()
    step = event.withdrawal.submitted
    step.withdrawal_id = withdrawal_id
    step.order_ends_at.CopyFrom(timestamp(order_ends_ms))
    step.cut_off_at.CopyFrom(timestamp(cut_off_ms))
    return event


def doubted(withdrawal_id: WithdrawalId) -> pb.SettlementEvent:
    """The event that says that the bank has not answered."""
    event = pb.SettlementEvent()
    event.withdrawal.doubted.withdrawal_id = withdrawal_id
    return event


def succeeded(order: WithdrawalOrder, shard: int, payment: Payment, kept_until_ms: int) -> pb.SettlementEvent:
    """The event that posts the money."""
    event = pb.SettlementEvent()
    reserve, post, _ = transfer_ids(order.withdrawal_id)
    event.transfers.append(transfer(order, shard, post, pb.TRANSFER_PHASE_POST, reserve))
    step = event.withdrawal.succeeded
    step.withdrawal_id = order.withdrawal_id
    step.person_id = order.person_id
    step.amount_fen = order.amount_fen
    step.bank_reference = payment.bank_reference
    step.kept_until_at.CopyFrom(timestamp(kept_until_ms))
    return event


def failed(
    order: WithdrawalOrder, shard: int, failure: WithdrawalFailure, payment: Payment, kept_until_ms: int
) -> pb.SettlementEvent:
    """The event that releases the money."""
    event = pb.SettlementEvent()
    reserve, _, void = transfer_ids(order.withdrawal_id)
    event.transfers.append(transfer(order, shard, void, pb.TRANSFER_PHASE_VOID, reserve))
    step = event.withdrawal.failed
    step.withdrawal_id = order.withdrawal_id
    step.person_id = order.person_id
    step.amount_fen = order.amount_fen
    step.failure = withdrawal_pb.WithdrawalFailure.ValueType(failure)
    step.kept_until_at.CopyFrom(timestamp(kept_until_ms))
    step.bank_reference = payment.bank_reference
    return event


def contradicted(
    withdrawal_id: WithdrawalId, *, paid: bool, amount_fen: int, detail: str
) -> pb.SettlementEvent:
    """The event that keeps what the bank has said against the record."""
    event = pb.SettlementEvent()
    step = event.withdrawal.contradicted
    step.withdrawal_id = withdrawal_id
    step.paid = paid
    step.amount_fen = amount_fen
    step.detail = detail
    return event


def order_of(step: withdrawal_pb.WithdrawalRequested) -> WithdrawalOrder:
    """What a person asked for."""
    return WithdrawalOrder(
        WithdrawalId(step.withdrawal_id),
        step.person_id,
        step.amount_fen,
        BankCard(step.card_id, step.card_masked, step.bank_name),
        step.request_id,
        milliseconds(step.request_ends_at),
    )


def snapshot_of(withdrawal: Withdrawal) -> withdrawal_pb.WithdrawalSnapshot:
    """A withdrawal as a snapshot keeps it."""
    kept = withdrawal_pb.WithdrawalSnapshot(
        requested=_requested(withdrawal.order),
        requested_at=timestamp(withdrawal.requested_ms),
        state=withdrawal_pb.WithdrawalState.ValueType(withdrawal.state),
        failure=withdrawal_pb.WithdrawalFailure.ValueType(withdrawal.failure or 0),
        bank_reference=withdrawal.bank_reference,
        contradiction=withdrawal.contradiction,
        resolutions=[resolved_of(withdrawal, resolution) for resolution in withdrawal.resolutions],
    )
    for name, moment_ms in (
        ("order_ends_at", withdrawal.order_ends_ms),
        ("cut_off_at", withdrawal.cut_off_ms),
        ("ended_at", withdrawal.ended_ms),
        ("kept_until_at", withdrawal.kept_until_ms),
    ):
        if moment_ms:
            getattr(kept, name).CopyFrom(timestamp(moment_ms))
    return kept


def withdrawal_of(kept: withdrawal_pb.WithdrawalSnapshot) -> Withdrawal:
    """The withdrawal that a snapshot keeps; moments that are not set are 0."""
    return Withdrawal(
        order_of(kept.requested),
        milliseconds(kept.requested_at),
        WithdrawalState(kept.state),
        milliseconds(kept.order_ends_at),
        milliseconds(kept.cut_off_at),
        milliseconds(kept.ended_at),
        WithdrawalFailure(kept.failure) if kept.failure else None,
        kept.bank_reference,
        milliseconds(kept.kept_until_at),
        kept.contradiction,
        tuple(resolution_of(resolved) for resolved in kept.resolutions),
    )


def _requested(order: WithdrawalOrder) -> withdrawal_pb.WithdrawalRequested:
    return withdrawal_pb.WithdrawalRequested(
        withdrawal_id=order.withdrawal_id,
        person_id=order.person_id,
        amount_fen=order.amount_fen,
        card_id=order.card.card_id,
        card_masked=order.card.number_masked,
        bank_name=order.card.bank_name,
        request_id=order.request_id,
        request_ends_at=timestamp(order.request_ends_ms),
    )


def transfer(
    order: WithdrawalOrder,
    shard: int,
    transfer_id: str,
    phase: pb.TransferPhase.ValueType,
    pending_id: str = "",
) -> pb.Transfer:
    """The movement from the wallet to the bank, reserved, posted or released."""
    return pb.Transfer(
        transfer_id=transfer_id,
        debit_account_id=accounts.wallet(order.person_id),
        credit_account_id=accounts.bank_clearing(shard),
        amount_fen=order.amount_fen,
        code=pb.TRANSFER_CODE_WITHDRAWAL,
        phase=phase,
        pending_id=pending_id,
    )

"""Pending transfers whose time is over: what they reserve is released, and that is on record."""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import timestamp
from services.settlement.domain.pending import Pending
from services.settlement.domain.state import SettlementState


def expire_pendings(
    state: SettlementState, now_ms: int, limit: int, remembered_ms: int
) -> pb.SettlementEvent | None:
    """The event that expires what is due, the oldest first; None when nothing is.

    Args:
        state: of the shard.
        now_ms: wall time, milliseconds since the Unix epoch.
        limit: the most that one event expires.
        remembered_ms: how long it is known afterwards that they expired, milliseconds.
    """
    due = state.ledger.pendings.expired(now_ms, limit)
    if not due:
        return None
    event = pb.SettlementEvent(transfers=[_release(pending) for pending in due])
    event.transfer_fact.expired.forgotten_at.CopyFrom(timestamp(now_ms + remembered_ms))
    return event


def _release(pending: Pending) -> pb.Transfer:
    reserved = pending.transfer
    return pb.Transfer(
        transfer_id=f"expire:{reserved.transfer_id}",
        debit_account_id=reserved.debit,
        credit_account_id=reserved.credit,
        amount_fen=reserved.amount_fen,
        code=pb.TransferCode.ValueType(reserved.code),
        campaign_id=reserved.campaign_id,
        sponsor_id=reserved.sponsor_id,
        phase=pb.TRANSFER_PHASE_EXPIRE,
        pending_id=reserved.transfer_id,
    )

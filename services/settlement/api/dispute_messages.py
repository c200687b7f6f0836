"""Disputes and their steps as the contract says them."""

from __future__ import annotations

from hongbao.settlement.v1 import dispute_events_pb2, disputes_pb2
from hongbao.settlement.v1 import events_pb2 as events
from services.mesh.timestamps import timestamp
from services.settlement.domain.disputes.dispute import Dispute, TakenStep, entry_message

_BY_ITSELF = frozenset({"paid"})
"""Steps that settlement takes without being asked."""


def dispute_message(dispute: Dispute, now_ms: int) -> disputes_pb2.Dispute:
    """A dispute without its steps."""
    opened_ms = dispute.opened.time_ms
    until_ms = dispute.last.time_ms if dispute.state.ended else max(now_ms, opened_ms)
    decided = dispute.decided
    message = disputes_pb2.Dispute(
        dispute_id=dispute.dispute_id,
        person_id=dispute.person_id,
        entry=entry_message(dispute.entry),
        entry_code=events.TransferCode.ValueType(dispute.entry.code),
        state=dispute_events_pb2.DisputeState.ValueType(dispute.state),
        amount_fen=dispute.owed_fen,
        opened_at=timestamp(opened_ms),
        state_since=timestamp(dispute.entered.time_ms),
        age_ms=until_ms - opened_ms,
        decided_by="" if decided is None else decided.event.operator,
    )
    if dispute.payment is not None:
        message.payment.CopyFrom(dispute.payment)
    return message


def step_message(step: TakenStep) -> disputes_pb2.DisputeStep:
    """One step, with who took it and when."""
    event = step.event
    message = disputes_pb2.DisputeStep(
        seq=step.seq,
        taken_at=timestamp(step.time_ms),
        actor=_actor(event),
        operator=event.operator,
        state=event.state,
    )
    match event.WhichOneof("step"):
        case "opened":
            message.opened.CopyFrom(event.opened.claim)
        case "evidence_added":
            message.evidence.CopyFrom(event.evidence_added.evidence)
        case "decided":
            message.decided.CopyFrom(event.decided)
        case "confirmed":
            message.confirmed.CopyFrom(event.confirmed)
        case "withdrawn":
            message.withdrawn.SetInParent()
        case "paid":
            message.paid.SetInParent()
    if event.HasField("payment"):
        message.payment.CopyFrom(event.payment)
    return message


def _actor(event: dispute_events_pb2.DisputeEvent) -> disputes_pb2.DisputeActor.ValueType:
    if event.operator:
        return disputes_pb2.DISPUTE_ACTOR_OPERATOR
    by_itself = event.WhichOneof("step") in _BY_ITSELF
    return disputes_pb2.DISPUTE_ACTOR_SETTLEMENT if by_itself else disputes_pb2.DISPUTE_ACTOR_PERSON

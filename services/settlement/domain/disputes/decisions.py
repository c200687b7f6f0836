"""What is asked about disputes: each call is decided against the shard's state and becomes one event.

None instead of an event means that the same request was carried out before, and nothing is left to do.
"""

from __future__ import annotations

from hongbao.settlement.v1 import dispute_events_pb2, disputes_pb2
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import timestamp
from services.settlement.domain.disputes.chapter import Disputes
from services.settlement.domain.disputes.dispute import (
    ALLOWED,
    Dispute,
    DisputedEntry,
    DisputeState,
    Step,
    entry_message,
    new_dispute_id,
)
from services.settlement.domain.disputes.errors import (
    DisputeAmountExceeded,
    DisputeNotInState,
    DisputeRequestTooLate,
    DisputeRequestTooLong,
    DisputeUnknown,
    EntryAlreadyDisputed,
    EntryNotDisputable,
    EntryTooOld,
    OperatorSame,
)
from services.settlement.domain.disputes.limits import (
    DAY_MS,
    DisputeLimits,
    check_may_add,
    check_may_open,
    check_may_pay,
    left_fen,
)
from services.settlement.domain.disputes.payments import settle
from services.settlement.domain.errors import RequestIdReused
from services.settlement.domain.operators import same_operator
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfers import TransferCode

_PAID_FOR_DISPUTES = frozenset({TransferCode.COMPENSATION, TransferCode.REVERSAL})


def was_opened(state: SettlementState, request: disputes_pb2.OpenDisputeRequest) -> bool:
    """Whether the request was carried out before. Raises `RequestIdReused`."""
    dispute = state.disputes.find(new_dispute_id(request.person_id, request.request_id))
    if dispute is None:
        return False
    opened = dispute.opened.event.opened
    if dispute.entry.key != (request.entry_seq, request.entry_line) or opened.claim != request.claim:
        raise _reused(request.request_id)
    return True


def check_in_time(ends_ms: int, now_ms: int, limits: DisputeLimits) -> None:
    """Raises `DisputeRequestTooLate` and `DisputeRequestTooLong`."""
    if ends_ms <= now_ms:
        raise DisputeRequestTooLate("the request comes too late", request_ends_at_ms=ends_ms)
    if ends_ms > now_ms + limits.request_ahead_ms_max:
        raise DisputeRequestTooLong(
            f"request_ends_at may be {limits.request_ahead_ms_max} ms ahead",
            request_ends_at_ms=ends_ms,
            ahead_ms_max=limits.request_ahead_ms_max,
        )


def open_dispute(
    state: SettlementState,
    request: disputes_pb2.OpenDisputeRequest,
    entry: DisputedEntry,
    now_ms: int,
    limits: DisputeLimits,
) -> pb.SettlementEvent | None:
    """Opens a dispute about an entry that was found in the person's statement and in the journal.

    Raises `RequestIdReused`, `EntryNotDisputable`, `EntryTooOld`, `EntryAlreadyDisputed`, `EntryCompensated`,
    and `DisputeLimitExceeded`.
    """
    if was_opened(state, request):
        return None
    _check_entry(state.disputes, request.person_id, entry, now_ms, limits)
    check_may_open(state.disputes, request.person_id, entry, now_ms, limits)
    opened = dispute_events_pb2.DisputeOpened(
        entry=entry_message(entry), claim=request.claim, request_ends_at=request.request_ends_at
    )
    return pb.SettlementEvent(
        dispute=dispute_events_pb2.DisputeEvent(
            dispute_id=new_dispute_id(request.person_id, request.request_id),
            request_id=request.request_id.lower(),
            opened=opened,
            state=dispute_events_pb2.DISPUTE_STATE_OPEN,
        )
    )


def add_evidence(
    state: SettlementState, request: disputes_pb2.AddEvidenceRequest, limits: DisputeLimits
) -> pb.SettlementEvent | None:
    """Raises `DisputeUnknown`, `RequestIdReused`, `DisputeNotInState` and `DisputeLimitExceeded`."""
    person_id = request.person_id if request.HasField("person_id") else None
    dispute = found(state.disputes, request.dispute_id, person_id)
    step = dispute_events_pb2.DisputeEvent(
        dispute_id=dispute.dispute_id,
        request_id=request.request_id.lower(),
        operator=request.operator,
        evidence_added=dispute_events_pb2.DisputeEvidenceAdded(evidence=request.evidence),
    )
    if _was_taken(dispute, step):
        return None
    _check_allowed(dispute, Step.ADD_EVIDENCE)
    check_may_add(state.disputes, dispute, limits)
    step.state = dispute_events_pb2.DisputeState.ValueType(dispute.state)
    return pb.SettlementEvent(dispute=step)


def withdraw(
    state: SettlementState,
    request: disputes_pb2.WithdrawDisputeRequest,
    now_ms: int,
    limits: DisputeLimits,
) -> pb.SettlementEvent | None:
    """Raises `DisputeUnknown` and `DisputeNotInState`."""
    dispute = found(state.disputes, request.dispute_id, request.person_id)
    if dispute.state is DisputeState.WITHDRAWN:
        return None
    _check_allowed(dispute, Step.WITHDRAW)
    step = dispute_events_pb2.DisputeEvent(
        dispute_id=dispute.dispute_id, withdrawn=dispute_events_pb2.DisputeWithdrawn()
    )
    return _ended(dispute, step, DisputeState.WITHDRAWN, now_ms, limits)


def decide(
    state: SettlementState, request: disputes_pb2.DecideDisputeRequest, now_ms: int, limits: DisputeLimits
) -> pb.SettlementEvent | None:
    """Decides, and pays at once where that is allowed and the money is there.

    Raises `DisputeUnknown`, `RequestIdReused`, `DisputeNotInState`, `DisputeAmountExceeded`, and
    `DisputeLimitExceeded`.
    """
    dispute = found(state.disputes, request.dispute_id)
    step = dispute_events_pb2.DisputeEvent(
        dispute_id=dispute.dispute_id,
        request_id=request.request_id.lower(),
        operator=request.operator,
        decided=dispute_events_pb2.DisputeDecided(
            decision=request.decision, amount_fen=request.amount_fen, reason=request.reason
        ),
    )
    if _was_taken(dispute, step):
        return None
    _check_allowed(dispute, Step.DECIDE)
    if request.decision == dispute_events_pb2.DISPUTE_DECISION_REJECT:
        return _ended(dispute, step, DisputeState.REJECTED, now_ms, limits)
    amount_fen = request.amount_fen
    entry_left_fen = left_fen(state.disputes.of_entry(dispute.person_id, dispute.entry), dispute.entry)
    if amount_fen > entry_left_fen:
        raise DisputeAmountExceeded(
            f"{entry_left_fen} fen are left of the entry",
            dispute_id=dispute.dispute_id,
            amount_fen=amount_fen,
            left_fen=entry_left_fen,
        )
    check_may_pay(state.disputes, dispute, amount_fen, now_ms, limits)
    # What was paid for the entry before counts: a large sum is not split to pass one pair of eyes.
    if dispute.entry.amount_fen - entry_left_fen + amount_fen > limits.approval_above_fen:
        step.state = dispute_events_pb2.DISPUTE_STATE_AWAITING_APPROVAL
        return pb.SettlementEvent(dispute=step)
    return settle(state, dispute, step, amount_fen, now_ms, limits)


def confirm(
    state: SettlementState, request: disputes_pb2.ApproveDisputeRequest, now_ms: int, limits: DisputeLimits
) -> pb.SettlementEvent | None:
    """Raises `DisputeUnknown`, `RequestIdReused`, `DisputeNotInState` and `OperatorSame`."""
    dispute = found(state.disputes, request.dispute_id)
    step = dispute_events_pb2.DisputeEvent(
        dispute_id=dispute.dispute_id,
        request_id=request.request_id.lower(),
        operator=request.operator,
        confirmed=dispute_events_pb2.DisputeConfirmed(verdict=request.verdict, reason=request.reason),
    )
    if _was_taken(dispute, step):
        return None
    _check_allowed(dispute, Step.CONFIRM)
    decided = dispute.decided
    assert decided is not None, "what awaits approval was decided"
    if same_operator(decided.event.operator, request.operator):
        raise OperatorSame(
            f"{request.operator} decided the dispute; another operator has to approve",
            dispute_id=dispute.dispute_id,
            operator=request.operator,
        )
    if request.verdict == dispute_events_pb2.DISPUTE_VERDICT_DECLINE:
        step.state = dispute_events_pb2.DISPUTE_STATE_OPEN
        return pb.SettlementEvent(dispute=step)
    return settle(state, dispute, step, dispute.owed_fen, now_ms, limits)


def found(disputes: Disputes, dispute_id: str, person_id: int | None = None) -> Dispute:
    """The dispute, of this person if one is given. Raises `DisputeUnknown`."""
    dispute = disputes.find(dispute_id)
    if dispute is None or person_id not in {None, dispute.person_id}:
        raise DisputeUnknown(f"there is no dispute {dispute_id}", dispute_id=dispute_id)
    return dispute


def _check_entry(
    disputes: Disputes, person_id: int, entry: DisputedEntry, now_ms: int, limits: DisputeLimits
) -> None:
    if entry.code in _PAID_FOR_DISPUTES:
        raise EntryNotDisputable(
            "the entry was paid for a dispute", person_id=person_id, seq=entry.seq, line=entry.line
        )
    oldest_ms = max(now_ms - limits.entry_age_days_max * DAY_MS, disputes.forgotten_posted_ms + 1)
    if entry.posted_ms < oldest_ms:
        raise EntryTooOld(
            f"entries can be disputed for {limits.entry_age_days_max} days",
            seq=entry.seq,
            line=entry.line,
            days_max=limits.entry_age_days_max,
        )
    for other in disputes.of_entry(person_id, entry):
        if not other.state.ended:
            raise EntryAlreadyDisputed(
                f"dispute {other.dispute_id} is about the same entry", dispute_id=other.dispute_id
            )


def _check_allowed(dispute: Dispute, step: Step) -> None:
    if (dispute.state, step) not in ALLOWED:
        raise DisputeNotInState(
            f"dispute {dispute.dispute_id} is {dispute.state.name.lower().replace('_', ' ')}",
            dispute_id=dispute.dispute_id,
            state=dispute.state.name,
            step=step.name,
        )


def _was_taken(dispute: Dispute, step: dispute_events_pb2.DisputeEvent) -> bool:
    """Whether the step's request was carried out before. Raises `RequestIdReused`."""
    taken = dispute.step_of(step.request_id)
    if taken is None:
        return False
    asked = dispute_events_pb2.DisputeEvent()
    asked.CopyFrom(taken.event)
    # What a request does not say, but came of it.
    for outcome in ("state", "payment", "forget_at"):
        asked.ClearField(outcome)
    if asked != step:
        raise _reused(step.request_id)
    return True


def _ended(
    dispute: Dispute,
    step: dispute_events_pb2.DisputeEvent,
    state: DisputeState,
    now_ms: int,
    limits: DisputeLimits,
) -> pb.SettlementEvent:
    step.state = dispute_events_pb2.DisputeState.ValueType(state)
    step.forget_at.CopyFrom(timestamp(limits.forget_ms(dispute.entry, now_ms)))
    return pb.SettlementEvent(dispute=step)


def _reused(request_id: str) -> RequestIdReused:
    return RequestIdReused("the request id was used for something else", request_id=request_id)

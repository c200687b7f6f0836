"""`hongbao disputes`: what people dispute, and what operators decide about it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import grpc
from rich.table import Table
from rich.text import Text

from hongbao.settlement.v1 import dispute_events_pb2, disputes_pb2, disputes_pb2_grpc
from hongbao.settlement.v1 import events_pb2 as events
from services.cli.console import CONSOLE, visible
from services.cli.gala.progress import yuan
from services.cli.operator import Operator
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.disputes.dispute import person_of_dispute

_PAGE_SIZE = 100


async def show_queue(
    operator: Operator,
    shard_count: int,
    states: Sequence[dispute_events_pb2.DisputeState.ValueType],
    person_id: int | None,
    most: int,
) -> None:
    """Prints the disputes of all shards, or of one person, at most so many of each shard."""
    if person_id is not None:
        found = await _of_person(operator, shard_of(person_id, shard_count), person_id, most)
    else:
        found = []
        for shard in range(shard_count):
            found += await _of_shard(operator, shard, states, most)
    table = Table(title="Disputes", title_justify="left")
    # An id that is broken over two lines cannot be copied.
    table.add_column("dispute", no_wrap=True)
    table.add_column("state", overflow="fold")
    for header in ("age", "entry (yuan)", "owed (yuan)"):
        table.add_column(header, justify="right")
    for header in ("why it moved", "decided by"):
        table.add_column(header, overflow="fold")
    # The longest wait first, whatever shard it is on.
    for dispute in sorted(found, key=lambda dispute: dispute.opened_at.ToMilliseconds()):
        table.add_row(
            dispute.dispute_id,
            _state(dispute.state),
            _age(dispute.age_ms),
            yuan(dispute.entry.amount_fen),
            yuan(dispute.amount_fen) if dispute.amount_fen else "",
            _words(events.TransferCode.Name(dispute.entry_code), "TRANSFER_CODE_"),
            Text(visible(dispute.decided_by)),
        )
    CONSOLE.print(table)


async def show_dispute(operator: Operator, shard_count: int, dispute_id: str) -> None:
    """Prints a dispute and everything that was done about it."""
    request = disputes_pb2.GetDisputeRequest(dispute_id=dispute_id)
    shard = shard_of(person_of_dispute(dispute_id), shard_count)
    answer = await operator.at_settlement(
        shard, lambda channel, timeout_s: _stub(channel).GetDispute(request, timeout=timeout_s)
    )
    _say(answer.dispute)
    for step in answer.steps:
        _line(f"{step.taken_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC  {_who(step)}: {_what(step)}")
        if step.HasField("payment"):
            source = _words(dispute_events_pb2.DisputeSource.Name(step.payment.source), "DISPUTE_SOURCE_")
            _line(f"    {yuan(step.payment.amount_fen)} yuan by {source}, {step.payment.transfer_id}")


async def decide_dispute(
    operator: Operator, shard_count: int, dispute_id: str, name: str, amount_fen: int, reason: str
) -> None:
    """Decides, as the operator of this name, that so much is owed, or nothing; prints what becomes of it."""
    pays = dispute_events_pb2.DISPUTE_DECISION_PAY
    request = disputes_pb2.DecideDisputeRequest(
        request_id=str(uuid.uuid4()),
        dispute_id=dispute_id,
        operator=name,
        decision=pays if amount_fen else dispute_events_pb2.DISPUTE_DECISION_REJECT,
        amount_fen=amount_fen,
        reason=reason,
    )
    shard = shard_of(person_of_dispute(dispute_id), shard_count)
    answer = await operator.at_settlement(
        shard, lambda channel, timeout_s: _stub(channel).DecideDispute(request, timeout=timeout_s)
    )
    _say(answer.dispute)


async def approve_dispute(
    operator: Operator, shard_count: int, dispute_id: str, name: str, reason: str, *, declines: bool
) -> None:
    """Approves what another operator decided, or declines it; prints what becomes of it."""
    approves = dispute_events_pb2.DISPUTE_VERDICT_APPROVE
    request = disputes_pb2.ApproveDisputeRequest(
        request_id=str(uuid.uuid4()),
        dispute_id=dispute_id,
        operator=name,
        verdict=dispute_events_pb2.DISPUTE_VERDICT_DECLINE if declines else approves,
        reason=reason,
    )
    shard = shard_of(person_of_dispute(dispute_id), shard_count)
    answer = await operator.at_settlement(
        shard, lambda channel, timeout_s: _stub(channel).ApproveDispute(request, timeout=timeout_s)
    )
    _say(answer.dispute)


async def _of_shard(
    operator: Operator,
    shard: int,
    states: Sequence[dispute_events_pb2.DisputeState.ValueType],
    most: int,
) -> list[disputes_pb2.Dispute]:
    found: list[disputes_pb2.Dispute] = []
    request = disputes_pb2.ListQueueRequest(shard=shard, states=states, page_size=_PAGE_SIZE)
    while len(found) < most:
        page = await operator.at_settlement(
            shard, lambda channel, timeout_s: _stub(channel).ListQueue(request, timeout=timeout_s)
        )
        found += page.disputes
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    return found[:most]


async def _of_person(operator: Operator, shard: int, person_id: int, most: int) -> list[disputes_pb2.Dispute]:
    found: list[disputes_pb2.Dispute] = []
    request = disputes_pb2.ListDisputesRequest(person_id=person_id, page_size=_PAGE_SIZE)
    while len(found) < most:
        page = await operator.at_settlement(
            shard, lambda channel, timeout_s: _stub(channel).ListDisputes(request, timeout=timeout_s)
        )
        found += page.disputes
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    return found[:most]


def _stub(channel: grpc.aio.Channel) -> disputes_pb2_grpc.DisputeServiceAsyncStub:
    return disputes_pb2_grpc.DisputeServiceStub(channel)


def _say(dispute: disputes_pb2.Dispute) -> None:
    entry = dispute.entry
    way = "from" if entry.credited else "to"
    code = _words(events.TransferCode.Name(dispute.entry_code), "TRANSFER_CODE_")
    _line(f"dispute {dispute.dispute_id}: {_state(dispute.state)}, {_age(dispute.age_ms)} old")
    _line(f"about {yuan(entry.amount_fen)} yuan {way} {entry.other_account_id} ({code})")
    _line(f"entry {entry.seq}:{entry.line} of {entry.posted_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC")
    if dispute.amount_fen:
        _line(f"owed: {yuan(dispute.amount_fen)} yuan, as {dispute.decided_by} decided")


def _who(step: disputes_pb2.DisputeStep) -> str:
    actor = _words(disputes_pb2.DisputeActor.Name(step.actor), "DISPUTE_ACTOR_")
    return f"{actor} {step.operator}".strip()


def _what(step: disputes_pb2.DisputeStep) -> str:
    match step.WhichOneof("step"):
        case "opened":
            return f"opened: {_evidence(step.opened)}"
        case "evidence":
            return f"evidence: {_evidence(step.evidence)}"
        case "decided":
            decision = _words(
                dispute_events_pb2.DisputeDecision.Name(step.decided.decision), "DISPUTE_DECISION_"
            )
            amount = f" {yuan(step.decided.amount_fen)} yuan" if step.decided.amount_fen else ""
            return f"{decision}{amount}: {step.decided.reason}"
        case "confirmed":
            verdict = dispute_events_pb2.DisputeVerdict.Name(step.confirmed.verdict)
            return f"{_words(verdict, 'DISPUTE_VERDICT_')}: {step.confirmed.reason}"
        case "withdrawn":
            return "taken back"
        case _:
            return "paid"


def _evidence(evidence: dispute_events_pb2.DisputeEvidence) -> str:
    return " ".join([evidence.text, *(f"[{reference}]" for reference in evidence.references)])


def _state(state: dispute_events_pb2.DisputeState.ValueType) -> str:
    return _words(dispute_events_pb2.DisputeState.Name(state), "DISPUTE_STATE_")


def _words(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).replace("_", " ").lower()


def _age(age_ms: int) -> str:
    """An age for people: the two largest units that count."""
    minutes = age_ms // 60_000
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _line(text: str) -> None:
    # People wrote parts of it: they are no markup, and move no cursor.
    CONSOLE.print(visible(text), markup=False, highlight=False, soft_wrap=True)

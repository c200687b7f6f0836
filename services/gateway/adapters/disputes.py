"""Disputes behind the gateway's contract: settlement's, of the caller's own wallet."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import dispute_pb2 as pb
from hongbao.gateway.v1 import wallet_pb2
from hongbao.settlement.v1 import dispute_events_pb2, disputes_pb2, disputes_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.wallets import kind_of

_SERVICE = "settlement"


class DisputeClient:
    """Disputes of the caller. Raises settlement's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def open(self, person_id: int, request: Any) -> Any:
        """See `DisputeService.OpenDispute`."""
        asked = disputes_pb2.OpenDisputeRequest(
            request_id=request.request_id,
            request_ends_at=request.request_ends_at,
            person_id=person_id,
            entry_seq=request.entry_seq,
            entry_line=request.entry_line,
            claim=_evidence(request),
        )
        answer = await self._call("OpenDispute", person_id, asked)
        return pb.OpenDisputeResponse(dispute=_dispute(answer.dispute))

    async def add_evidence(self, person_id: int, request: Any) -> Any:
        """See `DisputeService.AddEvidence`."""
        asked = disputes_pb2.AddEvidenceRequest(
            request_id=request.request_id,
            dispute_id=request.dispute_id,
            person_id=person_id,
            evidence=_evidence(request),
        )
        answer = await self._call("AddEvidence", _shard_key(request.dispute_id), asked)
        return pb.AddEvidenceResponse(dispute=_dispute(answer.dispute))

    async def withdraw(self, person_id: int, request: Any) -> Any:
        """See `DisputeService.WithdrawDispute`."""
        asked = disputes_pb2.WithdrawDisputeRequest(dispute_id=request.dispute_id, person_id=person_id)
        answer = await self._call("WithdrawDispute", _shard_key(request.dispute_id), asked)
        return pb.WithdrawDisputeResponse(dispute=_dispute(answer.dispute))

    async def get(self, person_id: int, request: Any) -> Any:
        """See `DisputeService.GetDispute`."""
        asked = disputes_pb2.GetDisputeRequest(dispute_id=request.dispute_id, person_id=person_id)
        answer = await self._call("GetDispute", _shard_key(request.dispute_id), asked)
        return pb.GetDisputeResponse(
            dispute=_dispute(answer.dispute), steps=[_step(step) for step in answer.steps]
        )

    async def list_of_person(self, person_id: int, request: Any) -> Any:
        """See `DisputeService.ListDisputes`."""
        asked = disputes_pb2.ListDisputesRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListDisputes", person_id, asked)
        return pb.ListDisputesResponse(
            disputes=[_dispute(found) for found in answer.disputes], next_page_token=answer.next_page_token
        )

    async def _call(self, method: str, key: int, request: Any) -> Any:
        """Calls the owner of the shard of `key`, a person."""
        return await self._forwarding.to_owner_of(
            _SERVICE,
            key,
            lambda channel, timeout_s: getattr(disputes_pb2_grpc.DisputeServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )


def _shard_key(dispute_id: str) -> int:
    """The person at the front of a dispute's id; to a caller who is another one settlement tells nothing."""
    return int(dispute_id.partition("-")[0])


def _evidence(request: Any) -> dispute_events_pb2.DisputeEvidence:
    return dispute_events_pb2.DisputeEvidence(text=request.text, references=request.references)


def _dispute(found: disputes_pb2.Dispute) -> pb.Dispute:
    entry = found.entry
    return pb.Dispute(
        dispute_id=found.dispute_id,
        entry_seq=entry.seq,
        entry_line=entry.line,
        entry_fen=entry.amount_fen if entry.credited else -entry.amount_fen,
        entry_kind=wallet_pb2.EntryKind.ValueType(kind_of(found.entry_code)),
        state=_state(found.state),
        amount_fen=found.amount_fen,
        opened_at=found.opened_at,
        state_since=found.state_since,
    )


def _state(state: dispute_events_pb2.DisputeState.ValueType) -> pb.DisputeState.ValueType:
    return pb.DisputeState.Value(dispute_events_pb2.DisputeState.Name(state))


def _step(found: disputes_pb2.DisputeStep) -> pb.DisputeStep:
    said: Any = getattr(found, found.WhichOneof("step") or "withdrawn")
    is_evidence = isinstance(said, dispute_events_pb2.DisputeEvidence)
    is_decision = isinstance(said, dispute_events_pb2.DisputeDecided | dispute_events_pb2.DisputeConfirmed)
    return pb.DisputeStep(
        taken_at=found.taken_at,
        actor=pb.DisputeActor.Value(disputes_pb2.DisputeActor.Name(found.actor)),
        state=_state(found.state),
        text=said.text if is_evidence else said.reason if is_decision else "",
        references=said.references if is_evidence else (),
        paid_fen=found.payment.amount_fen,
    )

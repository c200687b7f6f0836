"""Answers `DisputeService`: requests become decisions of the domain, disputes become responses."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hongbao.settlement.v1 import disputes_pb2, disputes_pb2_grpc
from hongbao.settlement.v1 import events_pb2 as events
from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint
from services.mesh.pages import Listing
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import milliseconds
from services.settlement.api.dispute_messages import dispute_message, step_message
from services.settlement.api.pages import page_position
from services.settlement.api.shards import OwnedShard, OwnedShards
from services.settlement.domain.disputes import decisions
from services.settlement.domain.disputes.dispute import (
    Dispute,
    DisputedEntry,
    DisputeState,
    new_dispute_id,
    person_of_dispute,
)
from services.settlement.domain.disputes.limits import DisputeLimits

FindEntry = Callable[[OwnedShard, int, int, int], Awaitable[DisputedEntry]]
"""Finds an entry by shard, person, event and line."""

_PAGE_SIZE = 20
_SCAN_MAX = 5_000
"""Disputes that one page of a queue looks at: a page may be shorter than it could be, and more follows."""


class DisputeServicer(disputes_pb2_grpc.DisputeServiceServicer):
    """`hongbao.settlement.v1.DisputeService`, for the shards that this instance owns."""

    def __init__(
        self, shards: OwnedShards, find_entry: FindEntry, limits: DisputeLimits, clock: Clock
    ) -> None:
        """Wires the servicer.

        Args:
            shards: where the disputes are.
            find_entry: looks an entry up in statement and journal.
            limits: bounds of disputing.
            clock: tells which requests come too late, and how old disputes are.
        """
        self._shards = shards
        self._find_entry = find_entry
        self._limits = limits
        self._clock = clock

    async def OpenDispute(
        self, request: disputes_pb2.OpenDisputeRequest, context: Any
    ) -> disputes_pb2.OpenDisputeResponse:
        """See the contract."""
        shard = self._shards.of_id(request.person_id)
        event = None
        if not decisions.was_opened(shard.state, request):
            ends_ms = milliseconds(request.request_ends_at)
            decisions.check_in_time(ends_ms, self._clock.now_ms(), self._limits)
            entry = await self._find_entry(shard, request.person_id, request.entry_seq, request.entry_line)
            # Time has passed: what is decided now is decided against the state of now.
            now_ms = self._clock.now_ms()
            decisions.check_in_time(ends_ms, now_ms, self._limits)
            event = decisions.open_dispute(shard.state, request, entry, now_ms, self._limits)
        dispute_id = new_dispute_id(request.person_id, request.request_id)
        return disputes_pb2.OpenDisputeResponse(dispute=await self._carry_out(shard, event, dispute_id))

    async def AddEvidence(
        self, request: disputes_pb2.AddEvidenceRequest, context: Any
    ) -> disputes_pb2.AddEvidenceResponse:
        """See the contract."""
        shard = self._of_dispute(request.dispute_id)
        event = decisions.add_evidence(shard.state, request, self._limits)
        dispute = await self._carry_out(shard, event, request.dispute_id)
        return disputes_pb2.AddEvidenceResponse(dispute=dispute)

    async def WithdrawDispute(
        self, request: disputes_pb2.WithdrawDisputeRequest, context: Any
    ) -> disputes_pb2.WithdrawDisputeResponse:
        """See the contract."""
        shard = self._of_dispute(request.dispute_id)
        event = decisions.withdraw(shard.state, request, self._clock.now_ms(), self._limits)
        dispute = await self._carry_out(shard, event, request.dispute_id)
        return disputes_pb2.WithdrawDisputeResponse(dispute=dispute)

    async def DecideDispute(
        self, request: disputes_pb2.DecideDisputeRequest, context: Any
    ) -> disputes_pb2.DecideDisputeResponse:
        """See the contract."""
        shard = self._of_dispute(request.dispute_id)
        event = decisions.decide(shard.state, request, self._clock.now_ms(), self._limits)
        dispute = await self._carry_out(shard, event, request.dispute_id)
        return disputes_pb2.DecideDisputeResponse(dispute=dispute)

    async def ApproveDispute(
        self, request: disputes_pb2.ApproveDisputeRequest, context: Any
    ) -> disputes_pb2.ApproveDisputeResponse:
        """See the contract."""
        shard = self._of_dispute(request.dispute_id)
        event = decisions.confirm(shard.state, request, self._clock.now_ms(), self._limits)
        dispute = await self._carry_out(shard, event, request.dispute_id)
        return disputes_pb2.ApproveDisputeResponse(dispute=dispute)

    async def GetDispute(
        self, request: disputes_pb2.GetDisputeRequest, context: Any
    ) -> disputes_pb2.GetDisputeResponse:
        """See the contract."""
        shard = self._of_dispute(request.dispute_id)
        person_id = request.person_id if request.HasField("person_id") else None
        dispute = decisions.found(shard.state.disputes, request.dispute_id, person_id)
        response = disputes_pb2.GetDisputeResponse(
            dispute=dispute_message(dispute, self._clock.now_ms()),
            steps=[step_message(step) for step in dispute.steps],
        )
        await shard.settled()
        return response

    async def ListDisputes(
        self, request: disputes_pb2.ListDisputesRequest, context: Any
    ) -> disputes_pb2.ListDisputesResponse:
        """See the contract."""
        shard = self._shards.of_id(request.person_id)
        of_list = Listing("disputes", request.person_id)
        before_seq = page_position(of_list, request.page_token)
        listed = [
            dispute
            for dispute in reversed(shard.state.disputes.of_person(request.person_id))
            if not before_seq or dispute.opened.seq < before_seq
        ]
        page_size = request.page_size or _PAGE_SIZE
        page = listed[:page_size]
        response = disputes_pb2.ListDisputesResponse(
            disputes=self._messages(page),
            next_page_token=of_list.token(page[-1].opened.seq) if len(listed) > page_size else "",
        )
        await shard.settled()
        return response

    async def ListQueue(
        self, request: disputes_pb2.ListQueueRequest, context: Any
    ) -> disputes_pb2.ListQueueResponse:
        """See the contract."""
        shard = self._shards.numbered(request.shard)
        states = {DisputeState(state) for state in request.states} or {
            state for state in DisputeState if not state.ended
        }
        of_list = Listing(f"queue/{''.join(str(int(state)) for state in sorted(states))}", request.shard)
        after_seq = page_position(of_list, request.page_token)
        opened = shard.state.disputes.opened_after(after_seq)
        page, seen = _matching(opened, states, request.page_size or _PAGE_SIZE)
        response = disputes_pb2.ListQueueResponse(
            disputes=self._messages(page),
            next_page_token=of_list.token(opened[seen - 1].opened.seq) if seen < len(opened) else "",
        )
        await shard.settled()
        return response

    async def _carry_out(
        self, shard: OwnedShard, event: events.SettlementEvent | None, dispute_id: str
    ) -> disputes_pb2.Dispute:
        """Commits a decision, if there is one; returns the dispute, once all is durable."""
        if event is not None:
            shard.commit(event, traceparent())
            failpoint("dispute.decided")
        dispute = decisions.found(shard.state.disputes, dispute_id)
        message = dispute_message(dispute, self._clock.now_ms())
        # Also without an event: an answer to a repeated request must not be ahead of the first one's record.
        await shard.settled()
        failpoint("dispute.durable")
        return message

    def _of_dispute(self, dispute_id: str) -> OwnedShard:
        return self._shards.of_id(person_of_dispute(dispute_id))

    def _messages(self, disputes: list[Dispute]) -> list[disputes_pb2.Dispute]:
        now_ms = self._clock.now_ms()
        return [dispute_message(dispute, now_ms) for dispute in disputes]


def _matching(opened: list[Dispute], states: set[DisputeState], page_size: int) -> tuple[list[Dispute], int]:
    """The first disputes in one of the states, and how many were looked at."""
    page: list[Dispute] = []
    looked_at = opened[:_SCAN_MAX]
    for index, dispute in enumerate(looked_at):
        if dispute.state in states:
            page.append(dispute)
            if len(page) == page_size:
                return page, index + 1
    return page, len(looked_at)

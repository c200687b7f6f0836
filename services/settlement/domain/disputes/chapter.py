"""A shard's disputes: a chapter of its state."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from hongbao.settlement.v1 import dispute_events_pb2
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.disputes.dispute import (
    ALLOWED,
    Dispute,
    DisputedEntry,
    DisputeId,
    DisputeState,
    Step,
    TakenStep,
    person_of_dispute,
    read_entry,
)
from services.settlement.domain.shard_books import DisputeTotal


class TransferMemory(Protocol):
    """What the ledger remembers of transfers that calls caused."""

    def forget_transfer(self, transfer_id: str) -> None:
        """Drops a transfer that nobody can ask for again."""
        ...


class Disputes:
    """All disputes of one shard that are remembered. A chapter of its state, changed by `note` alone."""

    def __init__(self, memory: TransferMemory) -> None:
        self.forgotten_posted_ms = 0
        """Disputes about entries that were posted at this moment, or before, may be forgotten."""
        self.paid_fen = 0
        """What was paid so far, for those that are forgotten too."""
        self.kept_bytes = 0
        """What the steps of all that are remembered take on record."""
        self._memory = memory
        self._by_id: dict[DisputeId, Dispute] = {}
        self._of_person: dict[int, dict[DisputeId, None]] = {}
        self._undecided: dict[DisputeId, None] = {}
        """In the order in which they were opened."""
        self._unpaid: dict[DisputeId, None] = {}
        """In the order in which they were approved."""
        self._ended: list[tuple[int, DisputeId]] = []
        """Heap of when those that have ended may be forgotten, milliseconds since the Unix epoch."""

    def __len__(self) -> int:
        return len(self._by_id)

    def total(self) -> DisputeTotal:
        """What they come to, for the books."""
        unpaid = self.unpaid()
        unpaid_fen = sum(dispute.owed_fen for dispute in unpaid)
        return DisputeTotal(len(self._undecided), len(unpaid), unpaid_fen, self.paid_fen)

    def opened_after(self, seq: int) -> list[Dispute]:
        """Every dispute that was opened after an event, in the order in which they were opened."""
        disputes = list(self._by_id.values())
        return disputes[bisect_right(disputes, seq, key=lambda dispute: dispute.opened.seq) :]

    def oldest_undecided(self) -> Dispute | None:
        """The one that has been waiting for an operator for longest; None when none waits."""
        return next((self._by_id[dispute_id] for dispute_id in self._undecided), None)

    def find(self, dispute_id: str) -> Dispute | None:
        """A dispute; None when there is none, or none any more."""
        return self._by_id.get(DisputeId(dispute_id))

    def of_person(self, person_id: int) -> list[Dispute]:
        """A person's disputes, in the order in which they were opened."""
        return [self._by_id[dispute_id] for dispute_id in self._of_person.get(person_id, ())]

    def of_entry(self, person_id: int, entry: DisputedEntry) -> list[Dispute]:
        """A person's disputes about one entry, in the order in which they were opened."""
        return [dispute for dispute in self.of_person(person_id) if dispute.entry.key == entry.key]

    def unpaid(self) -> list[Dispute]:
        """What is approved and not paid, in the order of approval."""
        return [self._by_id[dispute_id] for dispute_id in self._unpaid]

    def note(self, seq: int, time_ms: int, event: pb.SettlementEvent) -> None:
        """See `Chapter.note`."""
        if event.WhichOneof("fact") == "dispute":
            self._fold(_kept(seq, time_ms, event.dispute))
            # By the time on record, so that replay forgets the same.
            self._forget(time_ms)

    def freeze(self) -> Callable[[pb.ShardSnapshot], None]:
        """See `Chapter.freeze`."""
        disputes, posted_ms = list(self._by_id.values()), self.forgotten_posted_ms
        paid_fen = self.paid_fen

        def write_out(snapshot: pb.ShardSnapshot) -> None:
            for dispute in disputes:
                kept = snapshot.disputes.add()
                for step in dispute.steps:
                    kept.steps.add(seq=step.seq, taken_at=timestamp(step.time_ms), event=step.event)
            snapshot.disputes_paid_fen = paid_fen
            if posted_ms:
                snapshot.disputes_forgotten_posted_at.CopyFrom(timestamp(posted_ms))

        return write_out

    def restore(self, snapshot: pb.ShardSnapshot) -> None:
        """See `Chapter.restore`."""
        for kept in snapshot.disputes:
            for step in kept.steps:
                self._fold(_kept(step.seq, milliseconds(step.taken_at), step.event))
        # Each came by itself; they are paid in the order in which all were approved.
        self._unpaid = dict.fromkeys(sorted(self._unpaid, key=lambda key: self._by_id[key].entered.seq))
        self.paid_fen = snapshot.disputes_paid_fen
        if snapshot.HasField("disputes_forgotten_posted_at"):
            self.forgotten_posted_ms = milliseconds(snapshot.disputes_forgotten_posted_at)

    def _fold(self, step: TakenStep) -> None:
        event = step.event
        dispute_id = DisputeId(event.dispute_id)
        if event.HasField("opened"):
            person_id = person_of_dispute(dispute_id)
            assert dispute_id not in self._by_id, "a dispute is opened once"
            dispute = Dispute(dispute_id, person_id, read_entry(event.opened.entry), (step,))
            self._of_person.setdefault(person_id, {})[dispute_id] = None
        else:
            before = self._by_id[dispute_id]
            assert (before.state, Step(event.WhichOneof("step"))) in ALLOWED, (
                f"{before.state!r} allows no {event}"
            )
            dispute = replace(before, steps=(*before.steps, step))
        self._by_id[dispute_id] = dispute
        self.paid_fen += event.payment.amount_fen
        self.kept_bytes += event.ByteSize()
        self._file(dispute)

    def _file(self, dispute: Dispute) -> None:
        dispute_id, state = dispute.dispute_id, dispute.state
        if state in {DisputeState.OPEN, DisputeState.AWAITING_APPROVAL}:
            self._undecided[dispute_id] = None
            return
        self._undecided.pop(dispute_id, None)
        if state is DisputeState.APPROVED:
            self._unpaid[dispute_id] = None
        else:
            self._unpaid.pop(dispute_id, None)
            heapq.heappush(self._ended, (milliseconds(dispute.last.event.forget_at), dispute_id))

    def _forget(self, now_ms: int) -> None:
        while self._ended and self._ended[0][0] <= now_ms:
            _, dispute_id = heapq.heappop(self._ended)
            dispute = self._by_id.pop(dispute_id)
            self.kept_bytes -= dispute.kept_bytes
            of_person = self._of_person[dispute.person_id]
            del of_person[dispute_id]
            if not of_person:
                del self._of_person[dispute.person_id]
            if dispute.payment is not None:
                self._memory.forget_transfer(dispute.payment.transfer_id)
            self.forgotten_posted_ms = max(self.forgotten_posted_ms, dispute.entry.posted_ms)


def _kept(seq: int, time_ms: int, event: dispute_events_pb2.DisputeEvent) -> TakenStep:
    # A copy: whoever committed it may still hold the message.
    kept = dispute_events_pb2.DisputeEvent()
    kept.CopyFrom(event)
    return TakenStep(seq, time_ms, kept)

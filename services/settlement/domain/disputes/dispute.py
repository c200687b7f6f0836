"""Disputes: a person says that an entry of their wallet is wrong, and what has become of that.

A dispute is the fold of its steps. What can be done to it depends on its state alone, and is in one table.
A dispute that has ended is remembered as long as it counts for a limit: its entry can be disputed again, and
its payment belongs to a year's sum.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from hashlib import blake2b
from typing import NewType

from hongbao.settlement.v1 import dispute_events_pb2
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.accounts import AccountId
from services.settlement.domain.transfers import TransferCode

DisputeId = NewType("DisputeId", str)


class DisputeState(enum.IntEnum):
    """What has become of a dispute. The numbers are those of the contract."""

    OPEN = 1
    """Waits for an operator's decision."""
    AWAITING_APPROVAL = 2
    """So much is to be paid that a second operator has to approve."""
    APPROVED = 3
    """Is to be paid as soon as the compensation fund covers it."""
    PAID = 4
    REJECTED = 5
    WITHDRAWN = 6

    @property
    def ended(self) -> bool:
        """Whether nothing follows any more."""
        return self >= DisputeState.PAID


class Step(enum.Enum):
    """What can be done to a dispute; the values are the names that steps have in the journal."""

    ADD_EVIDENCE = "evidence_added"
    DECIDE = "decided"
    CONFIRM = "confirmed"
    WITHDRAW = "withdrawn"
    PAY = "paid"


ALLOWED = frozenset(
    {
        (DisputeState.OPEN, Step.ADD_EVIDENCE),
        (DisputeState.OPEN, Step.DECIDE),
        (DisputeState.OPEN, Step.WITHDRAW),
        (DisputeState.AWAITING_APPROVAL, Step.ADD_EVIDENCE),
        (DisputeState.AWAITING_APPROVAL, Step.CONFIRM),
        (DisputeState.AWAITING_APPROVAL, Step.WITHDRAW),
        (DisputeState.APPROVED, Step.PAY),
    }
)
"""Which steps may be taken in which state; no others."""


@dataclass(frozen=True, slots=True)
class DisputedEntry:
    """One entry of a person's wallet, as it was posted."""

    seq: int
    """The event of the shard's journal that posted it."""
    line: int
    """Its line in that event, as statements count."""
    amount_fen: int
    """How much was moved, above 0."""
    credited: bool
    """True when the wallet got the money, False when it gave it."""
    code: TransferCode
    other: AccountId
    """The account on the other side."""
    campaign_id: str
    posted_ms: int
    """Milliseconds since the Unix epoch."""

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from the other entries of its wallet."""
        return self.seq, self.line


@dataclass(frozen=True, slots=True)
class TakenStep:
    """One step of a dispute as it is on record."""

    seq: int
    time_ms: int
    event: dispute_events_pb2.DisputeEvent


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute after its last step."""

    dispute_id: DisputeId
    person_id: int
    entry: DisputedEntry
    steps: tuple[TakenStep, ...]

    @property
    def opened(self) -> TakenStep:
        """The first step."""
        return self.steps[0]

    @property
    def last(self) -> TakenStep:
        """The last step."""
        return self.steps[-1]

    @property
    def state(self) -> DisputeState:
        """What has become of it."""
        return DisputeState(self.last.event.state)

    @property
    def entered(self) -> TakenStep:
        """The step with which it came into its state."""
        entered = self.last
        for step in reversed(self.steps):
            if step.event.state != entered.event.state:
                break
            entered = step
        return entered

    @property
    def decided(self) -> TakenStep | None:
        """The last decision; None when there is none, or a second operator declined it."""
        if self.state is DisputeState.OPEN:
            return None
        return next((step for step in reversed(self.steps) if step.event.HasField("decided")), None)

    @property
    def owed_fen(self) -> int:
        """What is to be paid, or was, fen. What a person has taken back, or was refused, is owed nothing."""
        decided = self.decided
        if decided is None or self.state is DisputeState.WITHDRAWN:
            return 0
        return decided.event.decided.amount_fen

    @property
    def payment(self) -> dispute_events_pb2.DisputePayment | None:
        """How it was paid; None unless it was."""
        return self.last.event.payment if self.last.event.HasField("payment") else None

    @property
    def evidence_count(self) -> int:
        """How often evidence was added, without the words that it was opened with."""
        return sum(step.event.HasField("evidence_added") for step in self.steps)

    @property
    def kept_bytes(self) -> int:
        """What its steps take on record, and about what they take in memory."""
        return sum(step.event.ByteSize() for step in self.steps)

    def step_of(self, request_id: str) -> TakenStep | None:
        """The step that a request asked for; None when it has asked for none."""
        return next((step for step in self.steps if step.event.request_id == request_id), None)


def person_of_dispute(dispute_id: str) -> int:
    """Whose dispute it is: the number at the front of its id."""
    return int(dispute_id.partition("-")[0])


def new_dispute_id(person_id: int, request_id: str) -> DisputeId:
    """The dispute that a request opens: the same for the same request, whoever carries it out, and when."""
    digest = blake2b(f"{person_id}:{request_id.lower()}".encode(), digest_size=8).hexdigest()
    return DisputeId(f"{person_id}-{digest}")


def entry_message(entry: DisputedEntry) -> dispute_events_pb2.DisputedEntry:
    """An entry as contracts carry it."""
    return dispute_events_pb2.DisputedEntry(
        seq=entry.seq,
        line=entry.line,
        amount_fen=entry.amount_fen,
        credited=entry.credited,
        transfer_code=int(entry.code),
        other_account_id=entry.other,
        campaign_id=entry.campaign_id,
        posted_at=timestamp(entry.posted_ms),
    )


def read_entry(entry: dispute_events_pb2.DisputedEntry) -> DisputedEntry:
    """The entry that a contract carries."""
    return DisputedEntry(
        entry.seq,
        entry.line,
        entry.amount_fen,
        entry.credited,
        TransferCode(entry.transfer_code),
        AccountId(entry.other_account_id),
        entry.campaign_id,
        milliseconds(entry.posted_at),
    )

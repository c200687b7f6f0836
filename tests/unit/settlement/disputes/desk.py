"""One shard that takes disputes, without processes: its state, its journal, and a clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from hongbao.settlement.v1 import dispute_events_pb2 as steps
from hongbao.settlement.v1 import disputes_pb2 as disputes
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.errors import ServiceError
from services.mesh.timestamps import timestamp
from services.settlement.domain import accounts
from services.settlement.domain.disputes import decisions
from services.settlement.domain.disputes.dispute import (
    Dispute,
    DisputedEntry,
    DisputeState,
    new_dispute_id,
)
from services.settlement.domain.disputes.entries import entry_in
from services.settlement.domain.disputes.limits import DAY_MS, DisputeLimits
from services.settlement.domain.disputes.payments import pay_unpaid
from services.settlement.domain.state import SettlementState

PERSON = 7
SPONSOR = 3
FUND = accounts.compensation(0)
WALLET = accounts.wallet(PERSON)
BANK = accounts.bank_clearing(0)
EVE_MS = 1_454_846_400_000
"""20:00 in Beijing on 7 February 2016."""
LIMITS = DisputeLimits(
    open_max=3,
    year_max=6,
    year_fen_max=1_000,
    shard_max=50,
    shard_bytes_max=1 << 20,
    bytes_max=1 << 14,
    evidence_max=2,
    steps_max=8,
    approval_above_fen=200,
    entry_age_days_max=180,
    retention_days=400,
    request_ahead_ms_max=60_000,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    time_ms: int
    payload: bytes


class Desk:
    def __init__(self, limits: DisputeLimits = LIMITS) -> None:
        self.limits = limits
        self.state = SettlementState(0, 1)
        self.journal: list[Recorded] = []
        self.now_ms = EVE_MS
        self._transfers = 0

    # Money.

    def move(
        self, debit: str, credit: str, amount_fen: int, code: pb.TransferCode.ValueType, **values: Any
    ) -> int:
        """Posts a transfer; returns the event's number."""
        self._transfers += 1
        transfer = pb.Transfer(
            transfer_id=f"test:{self._transfers}",
            debit_account_id=debit,
            credit_account_id=credit,
            amount_fen=amount_fen,
            code=code,
            **values,
        )
        self.commit(pb.SettlementEvent(transfers=[transfer]))
        return len(self.journal)

    def credited(self, amount_fen: int, person_id: int = PERSON) -> DisputedEntry:
        """An entry by which a wallet got money."""
        seq = self.move(BANK, accounts.wallet(person_id), amount_fen, pb.TRANSFER_CODE_ADJUSTMENT)
        return self.entry(seq, person_id)

    def debited(self, amount_fen: int, to: str = accounts.sponsor(SPONSOR)) -> DisputedEntry:
        """An entry by which the person's wallet gave money away by an operator's hand."""
        self.credited(amount_fen)
        return self.entry(self.move(WALLET, to, amount_fen, pb.TRANSFER_CODE_ADJUSTMENT))

    def fund(self, amount_fen: int) -> None:
        self.move(BANK, FUND, amount_fen, pb.TRANSFER_CODE_FUND_COMPENSATION)

    def balance_fen(self, account_id: str) -> int:
        return self.state.ledger.balance_fen(account_id)

    def entry(self, seq: int, person_id: int = PERSON, line: int = 0) -> DisputedEntry:
        recorded = self.journal[seq - 1]
        event = pb.SettlementEvent.FromString(recorded.payload)
        found = entry_in(event, seq, recorded.time_ms, person_id, line)
        assert found is not None
        return found

    # Calls. Each returns whether something was done.

    def open(self, request: int, entry: DisputedEntry, person_id: int = PERSON, text: str = "少了") -> bool:
        asked = disputes.OpenDisputeRequest(
            request_id=uuid(request),
            request_ends_at=timestamp(self.now_ms + 1_000),
            person_id=person_id,
            entry_seq=entry.seq,
            entry_line=entry.line,
            claim=steps.DisputeEvidence(text=text),
        )
        return self.commit(decisions.open_dispute(self.state, asked, entry, self.now_ms, self.limits))

    def opened(self, entry: DisputedEntry, request: int = 1, person_id: int = PERSON) -> str:
        """The id of a new dispute."""
        assert self.open(request, entry, person_id)
        return new_dispute_id(person_id, uuid(request))

    def add_evidence(self, dispute_id: str, request: int = 100, text: str = "截图", **author: Any) -> bool:
        asked = disputes.AddEvidenceRequest(
            request_id=uuid(request),
            dispute_id=dispute_id,
            evidence=steps.DisputeEvidence(text=text),
            **(author or {"person_id": PERSON}),
        )
        return self.commit(decisions.add_evidence(self.state, asked, self.limits))

    def withdraw(self, dispute_id: str, person_id: int = PERSON) -> bool:
        asked = disputes.WithdrawDisputeRequest(dispute_id=dispute_id, person_id=person_id)
        return self.commit(decisions.withdraw(self.state, asked, self.now_ms, self.limits))

    def decide(self, dispute_id: str, amount_fen: int, request: int = 200, operator: str = "wang") -> bool:
        pays = steps.DISPUTE_DECISION_PAY if amount_fen else steps.DISPUTE_DECISION_REJECT
        asked = disputes.DecideDisputeRequest(
            request_id=uuid(request),
            dispute_id=dispute_id,
            operator=operator,
            decision=pays,
            amount_fen=amount_fen,
            reason="查明",
        )
        return self.commit(decisions.decide(self.state, asked, self.now_ms, self.limits))

    def confirm(
        self, dispute_id: str, request: int = 300, operator: str = "li", *, declines: bool = False
    ) -> bool:
        asked = disputes.ApproveDisputeRequest(
            request_id=uuid(request),
            dispute_id=dispute_id,
            operator=operator,
            verdict=steps.DISPUTE_VERDICT_DECLINE if declines else steps.DISPUTE_VERDICT_APPROVE,
            reason="复核",
        )
        return self.commit(decisions.confirm(self.state, asked, self.now_ms, self.limits))

    def pay(self) -> int:
        """Pays what can be paid; how many."""
        paid = 0
        while self.commit(pay_unpaid(self.state, self.now_ms, self.limits)):
            paid += 1
        return paid

    # What can be read.

    def dispute(self, dispute_id: str) -> Dispute:
        return decisions.found(self.state.disputes, dispute_id)

    def is_in(self, dispute_id: str) -> DisputeState:
        return self.dispute(dispute_id).state

    # What a shard's owner does.

    def pass_days(self, days: int) -> None:
        self.now_ms += days * DAY_MS

    def commit(self, event: pb.SettlementEvent | None) -> bool:
        if event is None:
            return False
        recorded = Recorded(self.now_ms, event.SerializeToString())
        self.journal.append(recorded)
        _fold(self.state, len(self.journal), recorded)
        return True

    def crash(self, snapshot_seq: int = 0) -> None:
        """Drops the state and rebuilds it, from a snapshot when `snapshot_seq` is above 0."""
        before = SettlementState(0, 1)
        for seq, recorded in enumerate(self.journal[:snapshot_seq], start=1):
            _fold(before, seq, recorded)
        rebuilt = SettlementState(0, 1)
        if snapshot_seq:
            rebuilt.restore(before.snapshot())
        for seq, recorded in enumerate(self.journal[snapshot_seq:], start=snapshot_seq + 1):
            _fold(rebuilt, seq, recorded)
        assert rebuilt.snapshot() == self.state.snapshot(), "a rebuilt state is the same"
        self.state = rebuilt

    def with_limits(self, **values: int) -> None:
        self.limits = replace(self.limits, **values)


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def _fold(state: SettlementState, seq: int, recorded: Recorded) -> None:
    state.apply(seq, recorded.time_ms, pb.SettlementEvent.FromString(recorded.payload))


def refused(reason: str) -> pytest.RaisesExc[ServiceError]:
    return pytest.raises(ServiceError, match=f"^{reason}:")

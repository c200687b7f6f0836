"""Random disputes: whatever is asked, twice, by whom, and however often the shard crashes, the books agree
with a plain model after every step, and nobody is paid more than was taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hongbao.settlement.v1 import events_pb2
from services.mesh.errors import ServiceError
from services.settlement.domain import accounts
from services.settlement.domain.disputes.dispute import DisputedEntry, DisputeState, new_dispute_id
from services.settlement.domain.transfers import TransferCode
from tests.unit.settlement.disputes.desk import FUND, LIMITS, PERSON, SPONSOR, Desk, uuid

HOUSE = accounts.sponsor(SPONSOR)
OPERATORS = ("wang", "li", "zhao")
PAYMENTS = (TransferCode.COMPENSATION, TransferCode.REVERSAL)
PEOPLE = (PERSON, PERSON + 1, PERSON + 2)


@dataclass(slots=True)
class Case:
    """What the model knows of a dispute."""

    person_id: int
    entry: int
    state: str = "open"
    owed_fen: int = 0
    decider: str = ""
    evidence: int = 0
    steps: int = 1
    approved: int = 0


@dataclass(slots=True)
class Item:
    """What the model knows of an entry."""

    entry: DisputedEntry
    person_id: int
    reversible: bool
    cases: list[str] = field(default_factory=list)


class Disputing(RuleBasedStateMachine):
    """The model keeps one dict of balances, and says for every call what has to come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.desk.with_limits(year_max=8, evidence_max=1, steps_max=5)
        self.limits = self.desk.limits
        self.fen: dict[str, int] = defaultdict(int)
        self.items: list[Item] = []
        self.cases: dict[str, Case] = {}
        self.calls: list[Callable[[], bool]] = []
        """Everything that was carried out, to be asked again."""
        self.requests = 0
        self.approvals = 0

    # Money and time.

    @initialize()
    def begin(self) -> None:
        """Without entries there is nothing to dispute."""
        for person_id in PEOPLE:
            self.post(300, person_id, reversible=False)
            self.post(100, person_id, reversible=True)
        for item in range(0, len(self.items), 2):
            self.open(item)

    @rule(amount_fen=st.integers(1, 400), person_id=st.sampled_from(PEOPLE), reversible=st.booleans())
    def post(self, amount_fen: int, person_id: int, *, reversible: bool) -> None:
        wallet = accounts.wallet(person_id)
        if reversible and person_id == PERSON:
            entry = self.desk.debited(amount_fen)
            self.fen[HOUSE] += amount_fen
        else:
            reversible = False
            entry = self.desk.credited(amount_fen, person_id)
            self.fen[wallet] += amount_fen
        self.items.append(Item(entry, person_id, reversible))

    @rule(amount_fen=st.integers(1, 150))
    def fund(self, amount_fen: int) -> None:
        self.desk.fund(amount_fen)
        self.fen[FUND] += amount_fen

    @precondition(lambda self: self.fen[HOUSE])
    @rule()
    def spend_what_was_moved(self) -> None:
        """The house's account is emptied: what came there cannot be reversed any more."""
        self.desk.move(
            HOUSE, accounts.bank_clearing(0), self.fen[HOUSE], events_pb2.TRANSFER_CODE_SPONSOR_PAYOUT
        )
        self.fen[HOUSE] = 0

    @rule(days=st.integers(1, 20))
    def pass_days(self, days: int) -> None:
        # A hundred steps stay within the year, so that the model need not count years.
        if self.desk.now_ms < 1_454_846_400_000 + 80 * 86_400_000:
            self.desk.pass_days(days)

    # What people ask.

    @rule(item=st.integers(0, 99))
    def open(self, item: int) -> None:
        index = item % len(self.items)
        found = self.items[index]
        person_id, self.requests = found.person_id, self.requests + 1
        request = self.requests
        mine = [case for case in self.cases.values() if case.person_id == person_id]
        reason = ""
        if any(not self.over(self.cases[key]) for key in found.cases):
            reason = "ENTRY_ALREADY_DISPUTED"
        elif (
            sum(not self.over(case) for case in mine) >= self.limits.open_max
            or len(mine) >= self.limits.year_max
        ):
            reason = "DISPUTE_LIMIT_EXCEEDED"
        elif not self.left_fen(found):
            reason = "ENTRY_COMPENSATED"
        if self.ask(lambda: self.desk.open(request, found.entry, person_id), reason):
            dispute_id = new_dispute_id(person_id, uuid(request))
            self.cases[dispute_id] = Case(person_id, index)
            found.cases.append(dispute_id)

    @precondition(lambda self: self.cases)
    @rule(number=st.integers(0, 99), operator=st.booleans())
    def add_evidence(self, number: int, *, operator: bool) -> None:
        dispute_id, case, request = self.pick(number, {"open", "awaiting"})
        author: dict[str, Any] = {"operator": "wang"} if operator else {"person_id": case.person_id}
        reason = ""
        if case.state not in {"open", "awaiting"}:
            reason = "DISPUTE_NOT_IN_STATE"
        elif case.evidence >= self.limits.evidence_max:
            reason = "DISPUTE_LIMIT_EXCEEDED"
        if self.ask(lambda: self.desk.add_evidence(dispute_id, request, **author), reason):
            case.evidence += 1
            case.steps += 1

    @precondition(lambda self: self.cases)
    @rule(number=st.integers(0, 99), whose=st.integers(0, 3))
    def withdraw(self, number: int, whose: int) -> None:
        # Most are another person's: what is taken back early teaches little.
        dispute_id, case, _ = self.pick(number, set())
        own = whose == 0
        person_id = case.person_id if own else case.person_id + 1
        reason = ""
        if not own:
            reason = "DISPUTE_UNKNOWN"
        elif case.state == "withdrawn":
            assert not self.desk.withdraw(dispute_id, person_id)
            return
        elif case.state not in {"open", "awaiting"}:
            reason = "DISPUTE_NOT_IN_STATE"
        if self.ask(lambda: self.desk.withdraw(dispute_id, person_id), reason):
            case.state, case.owed_fen = "withdrawn", 0

    # What operators do.

    @precondition(lambda self: self.cases)
    @rule(number=st.integers(0, 99), operator=st.sampled_from(OPERATORS), tenths=st.integers(0, 11))
    def decide(self, number: int, operator: str, tenths: int) -> None:
        dispute_id, case, request = self.pick(number, {"open"})
        item = self.items[case.entry]
        amount_fen = item.entry.amount_fen * tenths // 10
        compensated_fen = item.entry.amount_fen - self.left_fen(item)
        year_fen = sum(other.owed_fen for other in self.cases.values() if other.person_id == case.person_id)
        reason = ""
        if case.state != "open":
            reason = "DISPUTE_NOT_IN_STATE"
        elif amount_fen > self.left_fen(item):
            reason = "DISPUTE_AMOUNT_EXCEEDED"
        elif amount_fen and (
            case.steps >= self.limits.steps_max or year_fen + amount_fen > self.limits.year_fen_max
        ):
            reason = "DISPUTE_LIMIT_EXCEEDED"
        if not self.ask(lambda: self.desk.decide(dispute_id, amount_fen, request, operator), reason):
            return
        case.steps += 1
        case.decider, case.owed_fen = operator, amount_fen
        if not amount_fen:
            case.state = "rejected"
        elif compensated_fen + amount_fen > self.limits.approval_above_fen:
            case.state = "awaiting"
        else:
            self.settle(case)

    @precondition(lambda self: self.cases)
    @rule(number=st.integers(0, 99), operator=st.sampled_from(OPERATORS), declines=st.booleans())
    def confirm(self, number: int, operator: str, *, declines: bool) -> None:
        dispute_id, case, request = self.pick(number, {"awaiting"})
        reason = ""
        if case.state != "awaiting":
            reason = "DISPUTE_NOT_IN_STATE"
        elif case.decider == operator:
            reason = "OPERATOR_SAME"
        if not self.ask(lambda: self.desk.confirm(dispute_id, request, operator, declines=declines), reason):
            return
        case.steps += 1
        if declines:
            case.state, case.owed_fen = "open", 0
        else:
            self.settle(case)

    @rule()
    def pay(self) -> None:
        paid, fund = 0, True
        for case in sorted(self.unpaid(), key=lambda case: case.approved):
            if self.reverse(case) or (fund and self.take_from_fund(case)):
                paid += 1
            else:
                fund = False
        assert self.desk.pay() == paid

    # What goes wrong.

    @precondition(lambda self: self.calls)
    @rule(number=st.integers(0, 999))
    def repeat(self, number: int) -> None:
        assert self.calls[number % len(self.calls)]() is False, "a request is carried out once"

    @rule(part=st.floats(0, 1))
    def crash(self, part: float) -> None:
        self.desk.crash(snapshot_seq=int(part * len(self.desk.journal)))

    # What must hold.

    @invariant()
    def balances_agree(self) -> None:
        for account_id, balance_fen in self.fen.items():
            assert self.desk.balance_fen(account_id) == balance_fen, account_id
        ledger = self.desk.state.ledger
        assert ledger.debits_fen == ledger.credits_fen

    @invariant()
    def states_agree(self) -> None:
        names = {
            DisputeState.OPEN: "open",
            DisputeState.AWAITING_APPROVAL: "awaiting",
            DisputeState.APPROVED: "approved",
            DisputeState.PAID: "paid",
            DisputeState.REJECTED: "rejected",
            DisputeState.WITHDRAWN: "withdrawn",
        }
        for dispute_id, case in self.cases.items():
            dispute = self.desk.dispute(dispute_id)
            assert (names[dispute.state], dispute.owed_fen) == (case.state, case.owed_fen)
            assert (dispute.payment is not None) == (case.state == "paid")

    @invariant()
    def what_was_paid_is_what_was_posted(self) -> None:
        totals = self.desk.state.ledger.transfer_totals
        posted_fen = sum(totals[code, ""].amount_fen for code in PAYMENTS if (code, "") in totals)
        assert posted_fen == self.desk.state.disputes.paid_fen

    @invariant()
    def no_entry_is_paid_back_twice(self) -> None:
        assert all(self.left_fen(item) >= 0 for item in self.items)

    # The model's own rules.

    def ask(self, call: Callable[[], bool], reason: str) -> bool:
        """Makes a call, which has to be refused for this reason, or carried out when there is none."""
        if reason:
            records = len(self.desk.journal)
            with pytest.raises(ServiceError, match=f"^{reason}:"):
                call()
            assert len(self.desk.journal) == records
            return False
        assert call()
        self.calls.append(call)
        return True

    def pick(self, number: int, states: set[str]) -> tuple[str, Case, int]:
        """A dispute, mostly one for which the call makes sense, and a new request id."""
        self.requests += 1
        fitting = [key for key, case in self.cases.items() if case.state in states]
        keys = fitting if fitting and number % 5 else list(self.cases)
        dispute_id = keys[number // 5 % len(keys)]
        return dispute_id, self.cases[dispute_id], self.requests

    def settle(self, case: Case) -> None:
        if self.reverse(case) or (not self.unpaid() and self.take_from_fund(case)):
            return
        self.approvals += 1
        case.state, case.approved = "approved", self.approvals

    def reverse(self, case: Case) -> bool:
        if not self.items[case.entry].reversible or self.fen[HOUSE] < case.owed_fen:
            return False
        return self.paid(case, HOUSE)

    def take_from_fund(self, case: Case) -> bool:
        return self.fen[FUND] >= case.owed_fen and self.paid(case, FUND)

    def paid(self, case: Case, account_id: str) -> bool:
        self.fen[account_id] -= case.owed_fen
        self.fen[accounts.wallet(case.person_id)] += case.owed_fen
        case.state = "paid"
        return True

    def unpaid(self) -> list[Case]:
        return [case for case in self.cases.values() if case.state == "approved"]

    def left_fen(self, item: Item) -> int:
        return item.entry.amount_fen - sum(self.cases[key].owed_fen for key in item.cases)

    def over(self, case: Case) -> bool:
        return case.state in {"paid", "rejected", "withdrawn"}


Disputing.TestCase.settings = settings(max_examples=100, stateful_step_count=60)
TestDisputing = Disputing.TestCase
assert LIMITS.retention_days > 80, "the model forgets nothing"

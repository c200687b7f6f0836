"""Loans that lenders report. Money here is told of, never moved."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from services.identity.domain.credit.errors import LoanClosed, LoanOverpaid
from services.identity.domain.credit.partners import PartnerId
from services.identity.domain.people import PersonId


class LoanState(enum.IntEnum):
    """How a loan stands; numbers are the contract's."""

    OPEN = 1
    REPAID = 2
    LET_OFF = 3
    WRITTEN_OFF = 4


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan as its lender tells of it."""

    partner_id: PartnerId
    loan_number: str
    person_id: PersonId
    principal_fen: int
    owed_fen: int
    due_ms: int
    reported_ms: int
    state: LoanState = LoanState.OPEN
    closed_ms: int | None = None

    def __post_init__(self) -> None:
        assert 0 <= self.owed_fen <= self.principal_fen, "nobody owes more than was lent, or less than 0"
        assert self.principal_fen > 0, "nothing is no loan"
        assert (self.state is LoanState.OPEN) == (self.closed_ms is None), "what has ended has an end"
        assert self.state is not LoanState.REPAID or self.owed_fen == 0, "what is repaid is not owed"
        assert self.state is not LoanState.OPEN or self.owed_fen > 0, "what is not owed is not open"

    def is_same_as(self, other: Loan) -> bool:
        """Whether both tell of the same loan, whatever has become of it."""
        told = (self.partner_id, self.loan_number, self.person_id, self.principal_fen, self.due_ms)
        return told == (
            other.partner_id,
            other.loan_number,
            other.person_id,
            other.principal_fen,
            other.due_ms,
        )

    def repaid(self, amount_fen: int, now_ms: int) -> Loan:
        """The loan after a part was paid back. Raises `LoanClosed`, `LoanOverpaid`."""
        assert amount_fen > 0, "nothing is no repayment"
        if self.state is not LoanState.OPEN:
            raise LoanClosed(loan_number=self.loan_number, state=self.state.name)
        if amount_fen > self.owed_fen:
            raise LoanOverpaid(loan_number=self.loan_number, owed_fen=self.owed_fen)
        owed_fen = self.owed_fen - amount_fen
        if owed_fen:
            return replace(self, owed_fen=owed_fen)
        return replace(self, owed_fen=0, state=LoanState.REPAID, closed_ms=now_ms)

    def closed(self, state: LoanState, now_ms: int) -> Loan:
        """The loan after its lender has given up the rest; the same when it has. Raises `LoanClosed`."""
        assert state in {LoanState.LET_OFF, LoanState.WRITTEN_OFF}, "a loan ends repaid by repayments"
        if self.state is state:
            return self
        if self.state is not LoanState.OPEN:
            raise LoanClosed(loan_number=self.loan_number, state=self.state.name)
        return replace(self, state=state, closed_ms=now_ms)


@dataclass(frozen=True, slots=True)
class Repayment:
    """A part of a loan that was paid back."""

    repayment_number: str
    amount_fen: int

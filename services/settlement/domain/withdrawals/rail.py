"""The rail: how settlement speaks with a bank. What a bank promises is written here, and relied on."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from services.mesh.errors import ErrorKind
from services.settlement.domain.errors import SettlementError
from services.settlement.domain.withdrawals.values import WithdrawalFailure, WithdrawalId


class PaymentStatus(enum.Enum):
    """What a bank says of an order."""

    NOT_FOUND = "not found"
    """It does not know the order. That is final only when it was asked after the cut-off: before, the order
    may still be on its way to the bank, or from one of its machines to another."""
    PROCESSING = "processing"
    """It has the order, and has not decided."""
    PAID = "paid"
    """Final."""
    REFUSED = "refused"
    """It has not paid and never will. Final."""


@dataclass(frozen=True, slots=True)
class Payment:
    """An order as the bank has it."""

    status: PaymentStatus
    amount_fen: int = 0
    """What it is for; 0 when it is not found."""
    failure: WithdrawalFailure | None = None
    """Why it was refused."""
    bank_reference: str = ""
    """The bank's own name for it."""


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What the bank is told to do, once."""

    withdrawal_id: WithdrawalId
    """By which the bank knows the order: the same number again is the same order."""
    payer: str
    """The account that it is paid from: bank clearing of the shard."""
    person_id: int
    card_id: int
    amount_fen: int
    ends_ms: int
    """The bank does not take the order after this moment, milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """What the bank says by itself of an order that it has decided."""

    withdrawal_id: WithdrawalId
    payment: Payment


class RailSilent(SettlementError):
    """The bank has not answered in time. It may have done what it was told, or may do so yet.

    Stays inside the service. Metadata: none.
    """

    kind = ErrorKind.UNAVAILABLE
    reason = "RAIL_SILENT"


class Rail(Protocol):
    """A way to a bank. Answers come in time or not at all: then `RailSilent` is raised."""

    async def submit(self, order: PaymentOrder) -> Payment:
        """Has an order paid. The answer may be a decision already."""
        ...

    async def query(self, withdrawal_id: WithdrawalId) -> Payment:
        """What became of an order."""
        ...

    async def paid_fen(self, payer: str) -> int | None:
        """Everything that was paid from an account so far, fen; None from a bank that does not tell."""
        ...

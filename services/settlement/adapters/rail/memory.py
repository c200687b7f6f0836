"""What a simulated bank remembers: orders, and the reports that it still has to make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from services.settlement.domain.withdrawals.rail import Payment, PaymentStatus
from services.settlement.domain.withdrawals.values import WithdrawalFailure, WithdrawalId


@dataclass(frozen=True, slots=True)
class BankOrder:
    """An order that the bank has taken. Moments are milliseconds since the Unix epoch, on its clock."""

    withdrawal_id: WithdrawalId
    payer: str
    card_id: int
    amount_fen: int
    arrived_ms: int
    decides_ms: int
    shows_ms: int
    """Before this moment, queries do not find it."""
    failure: WithdrawalFailure | None
    reference: str

    def payment(self, now_ms: int) -> Payment:
        """The order as the bank has it now."""
        status = PaymentStatus.PROCESSING
        if now_ms >= self.decides_ms:
            status = PaymentStatus.PAID if self.failure is None else PaymentStatus.REFUSED
        failure = self.failure if status is PaymentStatus.REFUSED else None
        return Payment(status, self.amount_fen, failure, self.reference)


@dataclass(frozen=True, slots=True)
class BankReport:
    """A report that the bank has to make."""

    withdrawal_id: WithdrawalId
    number: int
    """Counts the reports about an order."""
    payer: str
    due_ms: int
    attempts: int = 0
    """How often nobody took it."""


class BankMemory(Protocol):
    """Keeps them. What it has answered survives the process where the memory is a file."""

    async def take(self, order: BankOrder, reports: Sequence[BankReport]) -> BankOrder:
        """Keeps an order and the reports to come; returns the one that was there when it came before."""
        ...

    async def find(self, withdrawal_id: WithdrawalId) -> BankOrder | None:
        """The order; None when it never came."""
        ...

    async def due(self, payer: str, now_ms: int, limit: int) -> Sequence[BankReport]:
        """The next reports about a payer's orders whose time has come."""
        ...

    async def put_off(self, report: BankReport) -> None:
        """Keeps a report, as it is given here, for later."""
        ...

    async def strike(self, report: BankReport) -> None:
        """Forgets a report that was made."""
        ...

    async def paid_fen(self, payer: str, now_ms: int) -> int:
        """What was paid from an account up to now, fen."""
        ...


class VolatileMemory:
    """For tests and simulations: forgets with the process."""

    def __init__(self) -> None:
        self.orders: dict[WithdrawalId, BankOrder] = {}
        self.arrivals: dict[WithdrawalId, int] = {}
        """How often an order came, copies included."""
        self._reports: dict[tuple[WithdrawalId, int], BankReport] = {}

    async def take(self, order: BankOrder, reports: Sequence[BankReport]) -> BankOrder:
        """See `BankMemory.take`."""
        number = order.withdrawal_id
        self.arrivals[number] = self.arrivals.get(number, 0) + 1
        if number not in self.orders:
            self.orders[number] = order
            self._reports.update({(number, report.number): report for report in reports})
        return self.orders[number]

    async def find(self, withdrawal_id: WithdrawalId) -> BankOrder | None:
        """See `BankMemory.find`."""
        return self.orders.get(withdrawal_id)

    async def due(self, payer: str, now_ms: int, limit: int) -> Sequence[BankReport]:
        """See `BankMemory.due`."""
        due = [
            report for report in self._reports.values() if report.payer == payer and report.due_ms <= now_ms
        ]
        return sorted(due, key=lambda report: (report.due_ms, report.withdrawal_id, report.number))[:limit]

    async def put_off(self, report: BankReport) -> None:
        """See `BankMemory.put_off`."""
        self._reports[report.withdrawal_id, report.number] = replace(report)

    async def strike(self, report: BankReport) -> None:
        """See `BankMemory.strike`."""
        self._reports.pop((report.withdrawal_id, report.number), None)

    async def paid_fen(self, payer: str, now_ms: int) -> int:
        """See `BankMemory.paid_fen`."""
        return sum(
            order.amount_fen
            for order in self.orders.values()
            if order.payer == payer and order.payment(now_ms).status is PaymentStatus.PAID
        )

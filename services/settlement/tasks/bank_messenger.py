"""Carries the simulated bank's reports to settlement, as a real bank calls: again until it is heard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.logs import get_logger
from services.mesh.shards.host import Shard
from services.settlement.adapters.rail.memory import BankReport
from services.settlement.adapters.rail.simulated import SimulatedBank
from services.settlement.domain import accounts
from services.settlement.domain.state import SettlementState
from services.settlement.domain.withdrawals.rail import PaymentReport, PaymentStatus, RailSilent
from services.settlement.settings import SettlementSettings

_log = get_logger("settlement.bank")
# Answers to a report: it was understood, whether it was liked or not.
_ANSWERS = {ErrorKind.NOT_FOUND, ErrorKind.INVALID, ErrorKind.PRECONDITION}
_PASSING_REASONS = {"SHARD_NOT_OWNED", "EPOCH_FENCED"}


@dataclass(frozen=True, slots=True)
class BankMessenger:
    """A companion of every shard: see `ShardCompanion`."""

    bank: SimulatedBank
    report: Callable[[PaymentReport], Awaitable[None]]
    """Tells settlement."""
    clock: Clock
    settings: SettlementSettings

    async def begin(self, shard: Shard[SettlementState]) -> None:
        """Brings what is due about the shard's orders, for ever."""
        shard.spawn(self._run(accounts.bank_clearing(shard.number)), "bank reports")

    async def end(self, shard: Shard[SettlementState]) -> None:
        """Forgets nothing: the bank remembers."""

    async def _run(self, payer: str) -> None:
        pause_s = self.settings.bank_report_poll_ms / 1000
        while True:
            try:
                due = await self.bank.due(payer, self.settings.bank_reports_at_once_max)
                for report in due:
                    await self.bank.reported(report, again=await self._bring(report))
            except RailSilent as silent:
                _log.warning("bank_reports_nothing", payer=payer, error=str(silent))
            await self.clock.sleep(pause_s)

    async def _bring(self, report: BankReport) -> BankReport | None:
        """Tells settlement; returns the report as it is to be made again, None when that is not needed."""
        payment = await self.bank.decided(report.withdrawal_id)
        if payment.status not in {PaymentStatus.PAID, PaymentStatus.REFUSED}:
            return self._later(report)  # The clock was set back.
        try:
            await self.report(PaymentReport(report.withdrawal_id, payment))
        except ServiceError as error:
            _log.warning("bank_report_refused", withdrawal_id=report.withdrawal_id, error=str(error))
            if error.kind in _ANSWERS and error.reason not in _PASSING_REASONS:
                return None
            return self._later(report)
        return None

    def _later(self, report: BankReport) -> BankReport | None:
        attempts = report.attempts + 1
        if attempts >= self.settings.bank_report_attempts_max:
            return None  # Settlement asks by itself.
        pause_ms = self.settings.bank_report_poll_ms << attempts
        return replace(report, attempts=attempts, due_ms=self.clock.now_ms() + pause_ms)

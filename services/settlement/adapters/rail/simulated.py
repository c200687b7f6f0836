"""A simulated bank behind the rail's port: it is slow, loses answers, gets orders twice, and refuses some."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger
from services.settlement.adapters.rail.faults import Faults
from services.settlement.adapters.rail.memory import BankMemory, BankOrder, BankReport
from services.settlement.domain.withdrawals.rail import Payment, PaymentOrder, PaymentStatus, RailSilent
from services.settlement.domain.withdrawals.values import WithdrawalId

_T = TypeVar("_T")
_log = get_logger("settlement.bank")
LATE_MAX = 1_024
"""Orders that are on their way to the bank longer than their caller waits; more are lost."""


class SimulatedBank:
    """Takes each order once, and keeps its word: what it has taken shows before the order's end is over."""

    def __init__(self, memory: BankMemory, faults: Faults, clock: Clock, *, timeout_ms: int) -> None:
        self._memory = memory
        self._faults = faults
        self._clock = clock
        self._timeout_s = timeout_ms / 1000
        self._late: set[asyncio.Task[None]] = set()

    async def submit(self, order: PaymentOrder) -> Payment:
        """See `Rail.submit`."""
        journey = self._faults.journey(order)
        if journey.arrives_after_ms is None:
            return await self._silence(0)
        arrives_s = journey.arrives_after_ms / 1000
        if journey.again_after_ms is not None:
            self._begin(self._arrive_late(order, arrives_s + journey.again_after_ms / 1000))
        if arrives_s >= self._timeout_s:
            self._begin(self._arrive_late(order, arrives_s))
            return await self._silence(0)
        await self._clock.sleep(arrives_s)
        payment = await self._in_time(self._arrive(order))
        return payment if journey.answered else await self._silence(arrives_s)

    async def query(self, withdrawal_id: WithdrawalId) -> Payment:
        """See `Rail.query`."""
        if self._faults.loses_query(withdrawal_id):
            return await self._silence(0)
        kept = await self._in_time(self._memory.find(withdrawal_id))
        now_ms = self._clock.now_ms()
        if kept is None or now_ms < kept.shows_ms:
            return Payment(PaymentStatus.NOT_FOUND)
        return kept.payment(now_ms)

    async def paid_fen(self, payer: str) -> int | None:
        """See `Rail.paid_fen`."""
        return await self._in_time(self._memory.paid_fen(payer, self._clock.now_ms()))

    async def due(self, payer: str, limit: int) -> Sequence[BankReport]:
        """The reports that the bank has to make now about a payer's orders. Raises `RailSilent`."""
        return await self._in_time(self._memory.due(payer, self._clock.now_ms(), limit))

    async def decided(self, withdrawal_id: WithdrawalId) -> Payment:
        """What the bank itself knows of an order, wherever it shows already. Raises `RailSilent`."""
        kept = await self._in_time(self._memory.find(withdrawal_id))
        return Payment(PaymentStatus.NOT_FOUND) if kept is None else kept.payment(self._clock.now_ms())

    async def reported(self, report: BankReport, *, again: BankReport | None) -> None:
        """Forgets a report that was made, or keeps it for later. Raises `RailSilent`."""
        await self._in_time(self._memory.strike(report) if again is None else self._memory.put_off(again))

    async def close(self) -> None:
        """Loses what is still on its way to the bank."""
        late = list(self._late)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _arrive(self, order: PaymentOrder) -> Payment:
        now_ms = self._clock.now_ms()
        if now_ms > order.ends_ms:
            return Payment(PaymentStatus.NOT_FOUND)
        fate = self._faults.fate(order)
        decides_ms = now_ms + fate.decides_after_ms
        taken = BankOrder(
            order.withdrawal_id,
            order.payer,
            order.card_id,
            order.amount_fen,
            now_ms,
            decides_ms,
            min(now_ms + fate.shows_after_ms, order.ends_ms),
            fate.failure,
            f"SIM{order.withdrawal_id:019d}",
        )
        reports = [
            BankReport(order.withdrawal_id, number, order.payer, decides_ms + after_ms)
            for number, after_ms in enumerate(fate.reports_after_ms)
        ]
        kept = await self._memory.take(taken, reports)
        return kept.payment(self._clock.now_ms())

    async def _arrive_late(self, order: PaymentOrder, delay_s: float) -> None:
        await self._clock.sleep(delay_s)
        try:
            await self._arrive(order)
        except ServiceError as error:
            _log.warning("bank_lost_an_order", withdrawal_id=order.withdrawal_id, error=str(error))

    async def _in_time(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The bank's memory may fail; to its callers that is silence."""
        try:
            return await work
        except ServiceError as error:
            raise RailSilent(f"the bank's memory does not answer: {error}") from error

    async def _silence(self, waited_s: float) -> Payment:
        await self._clock.sleep(max(0.0, self._timeout_s - waited_s))
        raise RailSilent("the bank has not answered in time")

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._late) >= LATE_MAX:
            work.close()
            return
        task = start_background(work, "an order on its way to the bank")
        self._late.add(task)
        task.add_done_callback(self._late.discard)

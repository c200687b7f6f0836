"""Simulated banks."""

from __future__ import annotations

import asyncio

from services.identity.domain.errors import CardBankUnavailable
from services.identity.domain.ports import BankAnswer, FourElements
from services.identity.domain.simulated_cards import (
    ORDINAL_CLOSED,
    ORDINAL_MAX,
    ORDINAL_RENAMED,
    ORDINAL_SILENT,
    is_holder,
    ordinal_of,
    reserved_phone,
)
from services.identity.domain.simulated_people import registered_name
from services.mesh.clock import Clock


class SimulatedBanks:
    """Answer like real ones: after a while, under a bound, with a reason, or not at all."""

    def __init__(
        self, clock: Clock, *, seed: int, latency_ms: int, timeout_ms: int, questions_max: int
    ) -> None:
        self._clock = clock
        self._seed = seed
        self._latency_s = latency_ms / 1000
        self._timeout_s = timeout_ms / 1000
        self._turns = asyncio.Semaphore(questions_max)

    async def confirm(self, elements: FourElements) -> BankAnswer:
        """See `Banks.confirm`."""
        async with self._turns:
            if ordinal_of(elements.card.digits) == ORDINAL_SILENT or self._latency_s > self._timeout_s:
                await self._clock.sleep(self._timeout_s)
                raise CardBankUnavailable(bank_name=elements.card.bank.name)
            if self._latency_s > 0:
                await self._clock.sleep(self._latency_s)
            return self._answer(elements)

    def _answer(self, elements: FourElements) -> BankAnswer:
        digits, resident_number = elements.card.digits, elements.resident_id.number
        ordinal = ordinal_of(digits)
        if ordinal == ORDINAL_CLOSED or ORDINAL_MAX < ordinal < ORDINAL_RENAMED:
            return BankAnswer.NO_SUCH_CARD
        if not is_holder(digits, resident_number, self._seed):
            return BankAnswer.OTHER_RESIDENT_ID
        if ordinal == ORDINAL_RENAMED or registered_name(resident_number, self._seed) != elements.name.text:
            return BankAnswer.OTHER_NAME
        if reserved_phone(resident_number, self._seed) != elements.phone:
            return BankAnswer.OTHER_PHONE
        return BankAnswer.CONFIRMED

"""Opens the simulated bank: with a memory that lasts, or one that ends with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.settings import load
from services.settlement.adapters.rail.faults import Climate, SeededFaults
from services.settlement.adapters.rail.memory import BankMemory, VolatileMemory
from services.settlement.adapters.rail.simulated import SimulatedBank
from services.settlement.adapters.rail.tables import SCHEMA, BankSettings, BankTables
from services.settlement.settings import SettlementSettings


@asynccontextmanager
async def open_bank(settings: SettlementSettings, clock: Clock) -> AsyncIterator[SimulatedBank]:
    """A bank that remembers in the database, whatever becomes of this process. Raises `StartFailed`."""
    database = await Database.open(load(BankSettings), SCHEMA)
    bank = bank_with(BankTables(database), settings, clock)
    try:
        yield bank
    finally:
        await bank.close()
        await database.close()


def forgetful_bank(settings: SettlementSettings, clock: Clock) -> SimulatedBank:
    """A bank for tests and simulations."""
    return bank_with(VolatileMemory(), settings, clock)


def bank_with(memory: BankMemory, settings: SettlementSettings, clock: Clock) -> SimulatedBank:
    """A bank with this memory, as the settings describe it."""
    climate = Climate(
        settings.bank_faults_percent,
        settings.bank_latency_ms,
        settings.bank_decides_ms,
        settings.bank_late_ms,
        settings.bank_refused_ending_fen,
    )
    faults = SeededFaults(settings.bank_seed, climate)
    return SimulatedBank(memory, faults, clock, timeout_ms=settings.withdrawal_answer_ms)

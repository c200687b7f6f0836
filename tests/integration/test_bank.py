"""The simulated bank's memory: the same in the process, in SQLite and in PostgreSQL, which outlive it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from services.settlement.adapters.rail.memory import BankMemory, BankOrder, BankReport, VolatileMemory
from services.settlement.adapters.rail.tables import SCHEMA, BankSettings, BankTables
from services.settlement.domain.withdrawals.values import WithdrawalFailure, WithdrawalId
from tests.integration.people_databases import database_url, opened
from tests.integration.postgres_fixtures import postgres_server, postgres_url

__all__ = ["database_url", "postgres_server", "postgres_url"]

PAYER = "bank_clearing:0"
ORDER = BankOrder(
    WithdrawalId(2**62),
    PAYER,
    9,
    1_000,
    arrived_ms=10,
    decides_ms=20,
    shows_ms=15,
    failure=None,
    reference="B1",
)
REFUSED = replace(ORDER, withdrawal_id=WithdrawalId(7), failure=WithdrawalFailure.CARD_CLOSED)
REPORTS = [BankReport(ORDER.withdrawal_id, number, PAYER, due_ms) for number, due_ms in enumerate((30, 25))]


@asynccontextmanager
async def remembering(url: str) -> AsyncIterator[BankMemory]:
    async with opened(BankSettings(database_url=url), SCHEMA) as database:
        yield BankTables(database)


@pytest.fixture(params=["volatile", "sqlite", "postgresql"])
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BankMemory]:
    async with AsyncExitStack() as stack:
        if request.param == "volatile":
            yield VolatileMemory()
        else:
            is_file = request.param == "sqlite"
            url = f"sqlite:{tmp_path}" if is_file else str(request.getfixturevalue("postgres_url"))
            yield await stack.enter_async_context(remembering(url))


async def test_an_order_is_taken_once_whatever_its_copies_say(memory: BankMemory) -> None:
    assert await memory.find(ORDER.withdrawal_id) is None
    assert await memory.take(ORDER, REPORTS) == ORDER
    copy = replace(ORDER, arrived_ms=99, decides_ms=99, failure=WithdrawalFailure.BANK_DOWN)
    assert await memory.take(copy, REPORTS) == ORDER
    assert await memory.find(ORDER.withdrawal_id) == ORDER


async def test_only_what_is_decided_and_not_refused_is_paid(memory: BankMemory) -> None:
    await memory.take(ORDER, [])
    await memory.take(REFUSED, [])
    await memory.take(replace(ORDER, withdrawal_id=WithdrawalId(8), payer="bank_clearing:1"), [])
    assert [await memory.paid_fen(PAYER, now_ms) for now_ms in (19, 20)] == [0, 1_000]
    assert await memory.find(REFUSED.withdrawal_id) == REFUSED


async def test_reports_come_in_the_order_in_which_they_are_due(memory: BankMemory) -> None:
    await memory.take(ORDER, REPORTS)
    assert await memory.due(PAYER, 24, 10) == []
    assert list(await memory.due(PAYER, 30, 10)) == [REPORTS[1], REPORTS[0]]
    assert list(await memory.due(PAYER, 30, 1)) == [REPORTS[1]]
    assert list(await memory.due("bank_clearing:1", 30, 10)) == []


async def test_a_report_is_put_off_or_struck(memory: BankMemory) -> None:
    await memory.take(ORDER, REPORTS)
    later = replace(REPORTS[1], attempts=1, due_ms=50)
    await memory.put_off(later)
    await memory.strike(REPORTS[0])
    assert list(await memory.due(PAYER, 49, 10)) == []
    assert list(await memory.due(PAYER, 50, 10)) == [later]


async def test_the_bank_remembers_when_settlement_has_died(database_url: str) -> None:
    async with remembering(database_url) as memory:
        await memory.take(ORDER, REPORTS)
    async with remembering(database_url) as memory:
        assert await memory.find(ORDER.withdrawal_id) == ORDER
        assert list(await memory.due(PAYER, 30, 10)) == [REPORTS[1], REPORTS[0]]

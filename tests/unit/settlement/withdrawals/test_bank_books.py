"""What the books say of withdrawals, beside what the bank says of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.mesh.errors import ErrorKind, ServiceError
from services.settlement.adapters.rail.faults import Climate, Fate, SeededFaults
from services.settlement.adapters.rail.memory import BankReport, VolatileMemory
from services.settlement.adapters.rail.simulated import SimulatedBank
from services.settlement.domain.books import Books, prove
from services.settlement.domain.books_contract import read_books, write_books
from services.settlement.domain.shard_books import ShardBooks, shard_books
from services.settlement.domain.withdrawals.rail import (
    Payment,
    PaymentOrder,
    PaymentReport,
    PaymentStatus,
)
from services.settlement.domain.withdrawals.values import WithdrawalFailure, WithdrawalId
from services.settlement.tasks.bank_messenger import BankMessenger
from services.settlement.tasks.bank_statement import BankStatement, withdrawal_total
from tests.unit.settlement.withdrawals.house import House, asked_for


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Person 1 has 5,000 fen."""
    house = House()
    await house.open()
    house.fund(1, 5_000)
    await house.shard.settled()
    yield house
    await house.close()


async def test_the_books_are_sound_while_the_bank_decides_and_after(house: House) -> None:
    house.faults.fates[1] = Fate(decides_after_ms=5_000, reports_after_ms=())
    house.request(asked_for(house))
    await house.clock.advance(1)
    assert (await books_of(house)).sound
    # The bank has paid, and settlement does not know.
    house.faults.silent_queries = [True] * 3
    await house.clock.advance(6)
    assert house.state.withdrawals.open()
    assert (await books_of(house)).sound
    await house.clock.advance(60)
    assert not house.state.withdrawals.open()
    assert (await books_of(house)).sound


@pytest.mark.parametrize("paid_fen", [999, 1_001])
async def test_more_or_less_than_was_paid_is_a_difference(house: House, paid_fen: int) -> None:
    house.request(asked_for(house, amount_fen=1_000))
    await house.clock.advance(5)
    assert (await books_of(house)).sound
    assert (await books_of(house, paid_fen=paid_fen)).difference_fen == 1


async def test_a_contradiction_is_a_violation(house: House) -> None:
    house.faults.fates[1] = Fate(failure=WithdrawalFailure.CARD_CLOSED)
    number = house.request(asked_for(house))
    await house.clock.advance(5)
    await house.hear(number, Payment(PaymentStatus.PAID, 1_000))
    books = await books_of(house)
    [violation] = books.violations
    assert (violation.account_id, books.sound) == ("bank_clearing:0", False)
    assert str(number) in violation.detail


async def test_a_bank_that_is_not_reached_is_no_difference(house: House) -> None:
    class Unreadable(VolatileMemory):
        async def paid_fen(self, payer: str, now_ms: int) -> int:  # noqa: ARG002 - it never answers
            raise _Unreachable("nobody is there")

    bank = SimulatedBank(Unreadable(), house.faults, house.clock, timeout_ms=1)
    assert await BankStatement(bank).paid_fen(house.shard) is None
    total = withdrawal_total(house.state, None)
    books = prove([replace(_shard_books(house), withdrawals=total)], 1)
    assert books.sound
    assert not [line for line in books.lines if "paid by the bank" in line.statement]


async def test_a_report_that_nobody_takes_is_made_again_a_few_times(house: House) -> None:
    attempts: list[int] = []

    async def nobody_there(report: PaymentReport) -> None:
        attempts.append(report.withdrawal_id)
        raise _Unreachable("nobody is there")

    number = house.request(asked_for(house))
    await house.clock.advance(5)
    messenger = BankMessenger(house.bank, nobody_there, house.clock, house.settings)
    report = BankReport(number, 0, "bank_clearing:0", due_ms=0)
    again = await messenger._bring(report)
    count = 1
    while again is not None:
        assert again.due_ms > house.clock.now_ms()
        again = await messenger._bring(again)
        count += 1
    assert count == len(attempts) == house.settings.bank_report_attempts_max


def test_faults_are_the_same_for_the_same_seed() -> None:
    orders = [PaymentOrder(WithdrawalId(number), "bank_clearing:0", 1, 1, 100, 0) for number in range(1, 200)]
    first, same, other = (SeededFaults(seed, Climate(percent=30)) for seed in (1, 1, 2))
    drawn = [(first.journey(order), first.fate(order)) for order in orders]
    assert drawn == [(same.journey(order), same.fate(order)) for order in reversed(orders)][::-1]
    assert drawn != [(other.journey(order), other.fate(order)) for order in orders]
    assert {fate.failure is None for _, fate in drawn} == {True, False}
    assert {journey.answered for journey, _ in drawn} == {True, False}
    assert {journey.arrives_after_ms is None for journey, _ in drawn} == {True, False}


def test_a_calm_bank_makes_no_faults() -> None:
    faults = SeededFaults(7, Climate())
    for number in range(1, 50):
        order = PaymentOrder(WithdrawalId(number), "bank_clearing:0", 1, 1, 100, 0)
        journey, fate = faults.journey(order), faults.fate(order)
        assert (journey.arrives_after_ms, journey.again_after_ms, journey.answered) == (10, None, True)
        assert (fate.failure, fate.shows_after_ms, fate.reports_after_ms) == (None, 0, (0,))
        assert not faults.loses_query(order.withdrawal_id)


def test_a_bank_refuses_the_amounts_that_it_is_told_to_refuse() -> None:
    faults = SeededFaults(7, Climate(refused_ending_fen=44))

    def failure(amount_fen: int) -> WithdrawalFailure | None:
        return faults.fate(PaymentOrder(WithdrawalId(1), "bank_clearing:0", 1, 1, amount_fen, 0)).failure

    assert failure(344) is failure(144) is WithdrawalFailure.LIMIT_AT_BANK
    assert failure(443) is failure(4400) is None


class _Unreachable(ServiceError):
    kind = ErrorKind.UNAVAILABLE
    reason = "UNREACHABLE"


async def books_of(house: House, paid_fen: int | None = None) -> Books:
    """The books as an operator gets them, over the wire."""
    if paid_fen is None:
        paid_fen = await BankStatement(house.bank).paid_fen(house.shard)
    books = replace(_shard_books(house), withdrawals=withdrawal_total(house.state, paid_fen))
    assert read_books(write_books(books)) == books
    return prove([books], 1)


def _shard_books(house: House) -> ShardBooks:
    feeds = list(house.state.ledger.cursors)
    return shard_books(0, house.shard.seq, house.state.ledger, feeds, {})

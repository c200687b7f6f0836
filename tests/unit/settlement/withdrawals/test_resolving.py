"""What operators resolve by the bank's statement: after it, books and bank agree, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count, product

import pytest

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.errors import ServiceError
from services.settlement.adapters.rail.faults import Fate
from services.settlement.domain import accounts
from services.settlement.domain.books import Books, prove
from services.settlement.domain.shard_books import shard_books
from services.settlement.domain.withdrawals.rail import Payment, PaymentStatus
from services.settlement.domain.withdrawals.resolving import resolve_withdrawal
from services.settlement.domain.withdrawals.values import (
    Resolution,
    ResolvedOutcome,
    WithdrawalFailure,
    WithdrawalId,
    WithdrawalState,
)
from services.settlement.tasks.bank_statement import withdrawal_total, withdrawn_fen
from tests.unit.settlement.withdrawals.house import CUT_OFF_MS, HOUR_MS, ORDER_MS, House, asked_for

PAID, NOT_PAID = ResolvedOutcome
FUNDS_FEN, AMOUNT_FEN = 5_000, 1_000
REFUSED = Fate(failure=WithdrawalFailure.CARD_CLOSED, reports_after_ms=())
NEVER_DECIDED = Fate(decides_after_ms=30 * 24 * HOUR_MS, reports_after_ms=())
BANK_PAID = Payment(PaymentStatus.PAID, AMOUNT_FEN, bank_reference="B1")
BANK_REFUSED = Payment(PaymentStatus.REFUSED, AMOUNT_FEN, WithdrawalFailure.NAME_DIFFERS)
BANK_PAID_LESS = Payment(PaymentStatus.PAID, AMOUNT_FEN - 1)
FIRST = Resolution("0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10", PAID, "wang", "li", "见对账单", "stmt-7")

REFUSAL = "WITHDRAWAL_NOT_RESOLVABLE"

# What the withdrawal is, and what the statement proves: what moves, or why it is refused.
TABLE = {
    ("requested", PAID): REFUSAL,
    ("requested", NOT_PAID): REFUSAL,
    ("before the cut-off", PAID): REFUSAL,
    ("before the cut-off", NOT_PAID): REFUSAL,
    ("open", PAID): "WITHDRAWAL POST",
    ("open", NOT_PAID): "WITHDRAWAL VOID",
    ("open, contradicted", PAID): "WITHDRAWAL POST",
    ("open, contradicted", NOT_PAID): "WITHDRAWAL VOID",
    ("succeeded", PAID): REFUSAL,
    ("succeeded", NOT_PAID): REFUSAL,
    ("succeeded, contradicted", PAID): "nothing",
    ("succeeded, contradicted", NOT_PAID): "WITHDRAWAL_RETURN",
    ("failed", PAID): REFUSAL,
    ("failed", NOT_PAID): REFUSAL,
    ("failed, contradicted", PAID): "WITHDRAWAL_LOSS",
    ("failed, contradicted", NOT_PAID): "nothing",
    ("borne by the fund, contradicted", PAID): "nothing",
    ("borne by the fund, contradicted", NOT_PAID): "WITHDRAWAL_LOSS_RETURN",
    ("returned, contradicted", PAID): "WITHDRAWAL_LOSS",
    ("returned, contradicted", NOT_PAID): "nothing",
}
SITUATIONS = tuple(dict.fromkeys(situation for situation, _ in TABLE))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Person 1 has 5,000 fen, and so has the fund."""
    house = House()
    await house.open()
    house.fund(1, FUNDS_FEN)
    fill_fund(house)
    await house.shard.settled()
    yield house
    await house.close()


@pytest.mark.parametrize(("situation", "outcome"), TABLE)
async def test_a_resolution_moves_what_the_table_says(
    house: House, situation: str, outcome: ResolvedOutcome
) -> None:
    number = await bring_to(house, situation)
    before, expected = house.withdrawal(number), TABLE[situation, outcome]
    if expected == REFUSAL:
        with pytest.raises(ServiceError, match=str(number)) as refused:
            resolve(house, number, outcome)
        assert refused.value.reason == REFUSAL
        assert house.withdrawal(number) == before
        return
    event = resolve(house, number, outcome)
    assert event is not None
    assert moved_by(event) == expected
    after = house.withdrawal(number)
    assert after.resolutions[-1].contradiction == before.contradiction
    assert (after.contradiction, after.is_open, after.booked_as_paid) == ("", False, outcome is PAID)
    assert withdrawn_fen(house.state.ledger) == (AMOUNT_FEN if outcome is PAID else 0)
    wallet_fen = FUNDS_FEN - (AMOUNT_FEN if after.state is WithdrawalState.SUCCEEDED else 0)
    assert house.wallet_fen(1) == house.available_fen(1) == wallet_fen
    assert books_of(house, paid_fen=AMOUNT_FEN if outcome is PAID else 0).sound
    await house.shard.settled()
    await house.crash()
    assert house.withdrawal(number) == after


def test_the_table_has_every_situation_and_outcome() -> None:
    assert set(TABLE) == set(product(SITUATIONS, ResolvedOutcome))


@pytest.mark.parametrize("snapshot", [False, True])
async def test_the_same_again_changes_nothing_and_another_outcome_is_refused(
    house: House,
    snapshot: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    number = await bring_to(house, "failed, contradicted")
    assert resolve(house, number, PAID, request_id=FIRST.request_id) is not None
    await house.shard.settled()
    if snapshot:
        again = type(house.state)(0, 1)
        again.restore(house.state.snapshot())
        assert again.withdrawals.find(number) == house.withdrawal(number)
    assert resolve(house, number, PAID, request_id=FIRST.request_id) is None
    assert resolve(house, number, PAID) is None
    with pytest.raises(ServiceError) as refused:
        resolve(house, number, NOT_PAID)
    assert (refused.value.reason, refused.value.metadata["outcome"]) == (
        "WITHDRAWAL_RESOLVED_OTHERWISE",
        "PAID",
    )
    # The bank says again what is on record now: nothing is contradicted.
    await house.hear(number, BANK_PAID)
    assert house.state.withdrawals.contradicted() == []


async def test_a_repeat_does_not_settle_what_the_bank_has_said_meanwhile(house: House) -> None:
    number = await bring_to(house, "failed, contradicted")
    resolve(house, number, PAID, request_id=FIRST.request_id)
    await house.hear(number, BANK_REFUSED)
    assert house.state.withdrawals.contradicted() == [number]
    assert resolve(house, number, PAID, request_id=FIRST.request_id) is None
    assert house.state.withdrawals.contradicted() == [number]
    assert resolve(house, number, NOT_PAID) is not None
    assert house.state.withdrawals.contradicted() == []
    assert len(house.withdrawal(number).resolutions) == 2


async def test_a_fund_that_is_short_or_frozen_refuses_and_moves_nothing() -> None:
    house = House()
    await house.open()
    house.fund(1, FUNDS_FEN)
    await house.shard.settled()
    number = await bring_to(house, "failed, contradicted")
    with pytest.raises(ServiceError) as short:
        resolve(house, number, PAID)
    assert short.value.reason == "COMPENSATION_INSUFFICIENT"
    fill_fund(house)
    freeze_fund(house, frozen=True)
    with pytest.raises(ServiceError) as frozen:
        resolve(house, number, PAID)
    assert frozen.value.reason == "ACCOUNT_FROZEN"
    freeze_fund(house, frozen=False)
    assert house.state.withdrawals.contradicted() == [number]
    assert resolve(house, number, PAID) is not None
    await house.close()


@pytest.mark.parametrize("second", ["wang", " WANG ", "\uff57ang", "wa\u200bng"])
async def test_it_takes_two_operators(house: House, second: str) -> None:
    number = await bring_to(house, "open")
    with pytest.raises(ServiceError) as refused:
        resolve(house, number, PAID, second_operator=second)
    assert refused.value.reason == "RESOLVING_OPERATORS_SAME"
    assert house.withdrawal(number).is_open


async def test_what_is_resolved_is_forgotten_after_its_time_and_not_before(house: House) -> None:
    number = await bring_to(house, "failed, contradicted")
    await house.clock.advance(2 * HOUR_MS / 1000)
    resolve(house, number, PAID)
    await house.clock.advance(HOUR_MS / 1000 - 10)
    house.fund(1, 1)
    await asked_and_paid(house, "before")
    assert house.state.withdrawals.find(number) is not None
    await house.clock.advance(10)
    await asked_and_paid(house, "after")
    assert house.state.withdrawals.find(number) is None
    assert f"withdrawal:{number}:resolve:1" not in house.state.ledger.digests


async def bring_to(house: House, situation: str) -> WithdrawalId:
    """A withdrawal of card 1 in that situation."""
    state, _, contradicted = situation.partition(", ")
    number = await _in_state(house, state)
    if contradicted:
        word = BANK_PAID_LESS if state == "open" else BANK_PAID
        await house.hear(number, BANK_REFUSED if house.withdrawal(number).booked_as_paid else word)
        assert house.state.withdrawals.contradicted() == [number]
    return number


async def _in_state(house: House, state: str) -> WithdrawalId:
    match state:
        case "open" | "before the cut-off":
            house.faults.fates[1] = NEVER_DECIDED
        case "failed" | "borne by the fund":
            house.faults.fates[1] = REFUSED
    number = house.request(asked_for(house, amount_fen=AMOUNT_FEN))
    if state != "requested":
        await house.clock.advance((ORDER_MS + CUT_OFF_MS) / 1000 + (-1 if state.startswith("before") else 1))
    if state == "borne by the fund":
        await house.hear(number, BANK_PAID)
        resolve(house, number, PAID)
    if state == "returned":
        await house.hear(number, BANK_REFUSED)
        resolve(house, number, NOT_PAID)
    return number


async def asked_and_paid(house: House, name: str) -> None:
    house.request(asked_for(house, amount_fen=100, card_id=2, name=name))
    await house.clock.advance(1)


_REQUESTS = count(1)


def resolve(
    house: House,
    number: WithdrawalId,
    outcome: ResolvedOutcome,
    *,
    request_id: str = "",
    second_operator: str = "li",
) -> pb.SettlementEvent | None:
    """As the service does."""
    found = replace(
        FIRST,
        outcome=outcome,
        request_id=request_id or f"00000000-0000-4000-8000-{next(_REQUESTS):012}",
        second_operator=second_operator,
    )
    event = resolve_withdrawal(house.state, number, found, now_ms=house.clock.now_ms(), kept_ms=HOUR_MS)
    if event is not None:
        house.shard.commit(event)
    return event


def moved_by(event: pb.SettlementEvent) -> str:
    if not event.transfers:
        return "nothing"
    [transfer] = event.transfers
    code = pb.TransferCode.Name(transfer.code).removeprefix("TRANSFER_CODE_")
    if not transfer.phase:
        return code
    return f"{code} {pb.TransferPhase.Name(transfer.phase).removeprefix('TRANSFER_PHASE_')}"


def fill_fund(house: House) -> None:
    transfer = pb.Transfer(
        transfer_id="fill",
        debit_account_id=accounts.bank_clearing(0),
        credit_account_id=accounts.compensation(0),
        amount_fen=FUNDS_FEN,
        code=pb.TRANSFER_CODE_FUND_COMPENSATION,
    )
    house.shard.commit(pb.SettlementEvent(transfers=[transfer]))


def freeze_fund(house: House, *, frozen: bool) -> None:
    event = pb.SettlementEvent()
    step = event.transfer_fact.frozen
    step.account_id, step.frozen, step.operator, step.reason = accounts.compensation(0), frozen, "wang", "why"
    step.request_id = f"00000000-0000-4000-8000-{next(_REQUESTS):012}"
    house.shard.commit(event)


def books_of(house: House, paid_fen: int) -> Books:
    ledger = house.state.ledger
    books = shard_books(0, house.shard.seq, ledger, list(ledger.cursors), {})
    return prove([replace(books, withdrawals=withdrawal_total(house.state, paid_fen))], 1)

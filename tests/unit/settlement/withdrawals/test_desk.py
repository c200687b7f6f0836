from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.settlement.adapters.rail.faults import REFUSALS, Fate, Journey
from services.settlement.domain.withdrawals.advice import advice
from services.settlement.domain.withdrawals.rail import Payment, PaymentStatus
from services.settlement.domain.withdrawals.values import (
    BankCard,
    Withdrawal,
    WithdrawalFailure,
    WithdrawalId,
    WithdrawalOrder,
    WithdrawalState,
)
from tests.unit.settlement.withdrawals.house import CUT_OFF_MS, HOUR_MS, ORDER_MS, House, asked_for

ORDER = WithdrawalOrder(WithdrawalId(42), 7, 1_000, BankCard(9), "0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10", 500)
ENOUGH_S = (ORDER_MS + CUT_OFF_MS + 70_000) / 1000
"""Past order's end, cut-off, and the longest pause between two questions."""


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Person 1 has 5,000 fen."""
    house = House()
    await house.open()
    house.fund(1, 5_000)
    await house.shard.settled()
    yield house
    await house.close()


async def test_what_the_bank_pays_leaves_the_wallet(house: House) -> None:
    number = house.request(asked_for(house))
    await house.clock.advance(1)
    withdrawal = house.withdrawal(number)
    assert (withdrawal.state, withdrawal.bank_reference) == (WithdrawalState.SUCCEEDED, f"SIM{number:019d}")
    assert (house.wallet_fen(1), house.available_fen(1)) == (4_000, 4_000)


@pytest.mark.parametrize("failure", REFUSALS)
async def test_what_the_bank_refuses_stays_in_the_wallet(house: House, failure: WithdrawalFailure) -> None:
    house.faults.fates[1] = Fate(failure=failure)
    number = house.request(asked_for(house))
    await house.clock.advance(1)
    assert house.withdrawal(number).failure is failure
    assert (house.wallet_fen(1), house.available_fen(1)) == (5_000, 5_000)


@pytest.mark.parametrize(
    "fate", [Fate(decides_after_ms=20_000, reports_after_ms=()), Fate(decides_after_ms=20_000)]
)
async def test_a_slow_bank_is_asked_or_reports_by_itself(house: House, fate: Fate) -> None:
    house.faults.fates[1] = fate
    number = house.request(asked_for(house))
    await house.clock.advance(10)
    assert house.withdrawal(number).state is WithdrawalState.SUBMITTED
    await house.clock.advance(ENOUGH_S)
    assert house.withdrawal(number).state is WithdrawalState.SUCCEEDED
    assert house.bank.sent == [number]


async def test_a_lost_answer_makes_it_unknown_until_the_bank_is_asked(house: House) -> None:
    house.faults.journeys[1] = Journey(answered=False)
    house.faults.fates[1] = Fate(reports_after_ms=())
    house.faults.silent_queries = [True, True]
    number = house.request(asked_for(house))
    await house.clock.advance(7)
    assert house.withdrawal(number).state is WithdrawalState.UNKNOWN
    assert house.available_fen(1) == 4_000
    await house.clock.advance(ENOUGH_S)
    assert house.withdrawal(number).state is WithdrawalState.SUCCEEDED
    assert house.bank.sent == [number]


async def test_an_order_that_never_arrives_fails_after_the_cut_off_and_not_before(house: House) -> None:
    house.faults.journeys[1] = Journey(arrives_after_ms=None)
    number = house.request(asked_for(house))
    await house.clock.advance((ORDER_MS + CUT_OFF_MS) / 1000)
    assert house.withdrawal(number).state is WithdrawalState.UNKNOWN
    assert len(house.bank.questions) > 3
    await house.clock.advance(ENOUGH_S)
    assert house.withdrawal(number).failure is WithdrawalFailure.NOT_TAKEN
    assert house.available_fen(1) == 5_000


async def test_an_order_that_arrives_late_is_paid_though_the_bank_did_not_know_it(house: House) -> None:
    house.faults.journeys[1] = Journey(arrives_after_ms=ORDER_MS - 1_000)
    house.faults.fates[1] = Fate(shows_after_ms=60_000, reports_after_ms=())
    number = house.request(asked_for(house))
    await house.clock.advance(ENOUGH_S)
    assert house.withdrawal(number).state is WithdrawalState.SUCCEEDED
    assert (house.bank.sent, house.wallet_fen(1)) == ([number], 4_000)


async def test_an_order_that_arrives_after_its_end_is_not_taken(house: House) -> None:
    house.faults.journeys[1] = Journey(arrives_after_ms=ORDER_MS + 1)
    number = house.request(asked_for(house))
    await house.clock.advance(ENOUGH_S)
    assert house.withdrawal(number).failure is WithdrawalFailure.NOT_TAKEN
    assert house.memory.orders == {}


async def test_copies_and_late_reports_change_nothing(house: House) -> None:
    house.faults.journeys[1] = Journey(again_after_ms=10_000)
    house.faults.fates[1] = Fate(reports_after_ms=(0, 500, 20_000, 80_000))
    number = house.request(asked_for(house))
    await house.clock.advance(5)
    seq = house.shard.seq
    await house.clock.advance(ENOUGH_S)
    assert house.shard.seq == seq
    assert house.memory.arrivals[number] == 2
    assert house.wallet_fen(1) == 4_000


async def test_a_bank_that_changes_its_mind_moves_no_money_and_is_not_forgotten(house: House) -> None:
    house.faults.fates[1] = Fate(failure=WithdrawalFailure.LIMIT_AT_BANK)
    number = house.request(asked_for(house))
    await house.clock.advance(1)
    await house.hear(number, Payment(PaymentStatus.PAID, 1_000))
    withdrawal = house.withdrawal(number)
    assert (withdrawal.state, house.available_fen(1)) == (WithdrawalState.FAILED, 5_000)
    assert "paid what had failed" in withdrawal.contradiction
    await house.clock.advance(HOUR_MS / 1000 + 10)
    house.request(asked_for(house, name="two"))
    await house.run(house.crash())
    assert house.state.withdrawals.contradicted() == [number]


async def test_at_most_so_many_calls_are_under_way() -> None:
    house = House(withdrawal_calls_max=2)
    await house.open()
    for person_id in range(1, 6):
        house.fund(person_id, 1_000)
        house.faults.journeys[person_id] = Journey(arrives_after_ms=4_000)
        house.request(asked_for(house, person_id, card_id=person_id))
    for _ in range(10):
        await house.clock.advance(0.1)
    assert len(house.bank.sent) == 2
    await house.clock.advance(60)
    assert len(house.bank.sent) == 5
    assert house.state.withdrawals.open() == []
    await house.close()


async def test_an_owner_that_dies_before_it_hears_the_bank_does_not_send_again(house: House) -> None:
    house.faults.journeys[1] = Journey(answered=False)
    house.faults.fates[1] = Fate(reports_after_ms=())
    number = house.request(asked_for(house))
    for _ in range(10):
        await house.clock.advance(0.1)
    assert house.withdrawal(number).state is WithdrawalState.SUBMITTED
    await house.run(house.crash())
    await house.clock.advance(ENOUGH_S)
    assert house.bank.sent == [number]
    assert house.withdrawal(number).state is WithdrawalState.SUCCEEDED


async def test_a_request_that_was_not_durable_never_reaches_the_bank() -> None:
    house = House(commit_s=0.5)
    await house.run(house.open())
    house.fund(1, 5_000)
    await house.run(house.shard.settled())
    number = house.request(asked_for(house))
    await house.run(house.crash())
    await house.clock.advance(ENOUGH_S)
    assert house.bank.sent == []
    assert house.state.withdrawals.find(number) is None
    await house.run(house.close())


@pytest.mark.parametrize("failure", WithdrawalFailure)
def test_every_failure_has_its_words(failure: WithdrawalFailure) -> None:
    words = advice(Withdrawal(ORDER, 0, WithdrawalState.FAILED, failure=failure))
    assert set(words) == {"zh-CN", "en"}
    assert "wallet" in words["en"]


@pytest.mark.parametrize("state", WithdrawalState)
def test_every_state_but_success_has_its_words(state: WithdrawalState) -> None:
    failure = WithdrawalFailure.OTHER if state is WithdrawalState.FAILED else None
    words = advice(Withdrawal(ORDER, 0, state, failure=failure))
    assert bool(words) == (state is not WithdrawalState.SUCCEEDED)


async def test_an_answer_from_before_the_cut_off_is_not_believed_after_it() -> None:
    house = House(withdrawal_query_ms_max=1_000)
    await house.open()
    house.fund(1, 5_000)
    house.faults.journeys[1] = Journey(arrives_after_ms=None)
    house.bank.answers_after_s = 40.0
    number = house.request(asked_for(house))
    while house.state.withdrawals.open():
        await house.clock.advance(0.5)
    # The second question was asked before the cut-off and answered after it: it took a third one.
    ended_ms, cut_off_ms = house.withdrawal(number).ended_ms, house.withdrawal(number).cut_off_ms
    assert len(house.bank.questions) == 3
    assert ended_ms - cut_off_ms >= 40_000
    await house.close()

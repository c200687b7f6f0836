from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1.person_events_pb2 import PERSON_TIER_I
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.errors import (
    PersonUnverified,
    RequestIdReused,
    TierLimitExceeded,
    WalletInsufficient,
)
from services.settlement.domain.withdrawals.errors import (
    CardNotBound,
    WithdrawalAmountOutOfRange,
    WithdrawalEndsTooFar,
    WithdrawalLimitReached,
    WithdrawalTooLate,
)
from services.settlement.domain.withdrawals.rail import Payment, PaymentStatus
from services.settlement.domain.withdrawals.values import (
    WithdrawalFailure,
    WithdrawalState,
    withdrawal_id_of,
)
from tests.unit.settlement.withdrawals.house import HOUR_MS, LIMITS, House, asked_for

REQUEST_ID = "0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Person 1 has 5,000 fen."""
    house = House()
    await house.open()
    house.fund(1, 5_000)
    await house.shard.settled()
    yield house
    await house.close()


@pytest.mark.parametrize("shard_count", [1, 4, 1024])
def test_a_withdrawal_lies_on_the_shard_of_its_person(shard_count: int) -> None:
    for person_id in range(1, 20):
        number = withdrawal_id_of(person_id, REQUEST_ID, 1_454_860_800_000, shard_count)
        assert shard_of(number, shard_count) == shard_of(person_id, shard_count)
        assert number == withdrawal_id_of(person_id, REQUEST_ID.upper(), 1_454_860_800_000, shard_count)
        assert 0 < number < 2**63


async def test_a_request_reserves_the_money_and_takes_none_away(house: House) -> None:
    house.request(asked_for(house, amount_fen=1_000))
    assert (house.wallet_fen(1), house.available_fen(1)) == (5_000, 4_000)


async def test_what_is_reserved_cannot_be_withdrawn_twice(house: House) -> None:
    house.request(asked_for(house, amount_fen=3_000))
    with pytest.raises(WalletInsufficient) as refused:
        house.request(asked_for(house, amount_fen=3_000, name="two"))
    assert refused.value.metadata == {"person_id": "1", "available_fen": "2000", "needed_fen": "3000"}


async def test_somebody_who_never_had_anything_has_nothing_to_withdraw(house: House) -> None:
    with pytest.raises(WalletInsufficient):
        house.request(asked_for(house, person_id=2))


async def test_another_request_with_the_same_id_is_an_error(house: House) -> None:
    asked = asked_for(house)
    house.request(asked)
    house.request(asked)
    for other in (
        replace(asked, amount_fen=asked.amount_fen + 1),
        replace(asked, card_id=asked.card_id + 1),
        replace(asked, request_ends_ms=asked.request_ends_ms + 1),
    ):
        with pytest.raises(RequestIdReused):
            house.request(other)
    assert house.available_fen(1) == 4_000


async def test_limits_are_kept_on_both_sides(house: House) -> None:
    asked = asked_for(house)
    now_ms = house.clock.now_ms()
    with pytest.raises(WithdrawalTooLate):
        house.request(replace(asked, request_ends_ms=now_ms))
    with pytest.raises(WithdrawalEndsTooFar):
        house.request(replace(asked, request_ends_ms=now_ms + LIMITS.ahead_ms_max + 1))
    for amount_fen in (LIMITS.amount_fen_min - 1, LIMITS.amount_fen_max + 1):
        with pytest.raises(WithdrawalAmountOutOfRange):
            house.request(replace(asked, amount_fen=amount_fen))
    house.request(replace(asked, amount_fen=LIMITS.amount_fen_min, request_ends_ms=now_ms + 1))


async def test_a_person_has_only_so_many_open_withdrawals(house: House) -> None:
    for number in range(LIMITS.open_max):
        house.request(asked_for(house, amount_fen=100, name=str(number)))
    with pytest.raises(WithdrawalLimitReached):
        house.request(asked_for(house, amount_fen=100, name="one more"))
    await house.clock.advance(10)
    house.request(asked_for(house, amount_fen=100, name="one more"))


async def test_a_request_after_its_withdrawal_is_forgotten_is_too_late(house: House) -> None:
    asked = asked_for(house)
    number = house.request(asked)
    await house.clock.advance(10)
    assert house.withdrawal(number).state is WithdrawalState.SUCCEEDED
    assert house.request(asked) == number
    await house.clock.advance(HOUR_MS / 1000)
    house.request(asked_for(house, amount_fen=100, name="another"))
    assert house.state.withdrawals.find(number) is None
    with pytest.raises(WithdrawalTooLate):
        house.request(asked)
    assert not [name for name in house.state.ledger.digests if str(number) in name]
    assert house.state.ledger.pendings.find(f"withdrawal:{number}") is None


async def test_a_request_id_that_comes_again_much_later_is_another_order_for_the_bank(house: House) -> None:
    asked = asked_for(house)
    house.request(asked)
    await house.clock.advance(HOUR_MS / 1000 + 10)
    house.request(asked_for(house, amount_fen=100, name="another"))
    await house.clock.advance(10)

    house.request(replace(asked, request_ends_ms=house.clock.now_ms() + 60_000))
    await house.clock.advance(10)

    assert house.wallet_fen(1) == 5_000 - 1_000 - 100 - 1_000
    assert await house.bank.paid_fen("bank_clearing:0") == 2_100, "the bank has paid what the wallet gave"


async def test_only_verified_people_withdraw_and_only_to_their_own_cards() -> None:
    house = House(people_known="identity")
    await house.open()
    house.fund(1, 200_000)
    with pytest.raises(PersonUnverified):
        house.request(asked_for(house))
    know(house, 1)
    with pytest.raises(CardNotBound):
        house.request(asked_for(house))
    bind(house, 1, card_id=1)
    number = house.request(asked_for(house))
    card = house.withdrawal(number).order.card
    assert (card.number_masked, card.bank_name) == ("****1234", "工商银行")
    await house.close()


async def test_what_fails_is_given_back_to_the_tier() -> None:
    house = House(people_known="identity")
    await house.open()
    house.fund(1, 200_000)
    know(house, 1)
    bind(house, 1, card_id=1)
    first = house.request(asked_for(house, amount_fen=50_000, name="first"))
    house.request(asked_for(house, amount_fen=50_000, name="second"))
    with pytest.raises(TierLimitExceeded):
        house.request(asked_for(house, amount_fen=100, name="third"))
    await house.clock.advance(0.001)
    from_bank = Payment(PaymentStatus.REFUSED, 50_000, WithdrawalFailure.BANK_DOWN)
    await house.hear(first, from_bank)
    assert house.withdrawal(first).state is WithdrawalState.FAILED
    house.request(asked_for(house, amount_fen=50_000, name="third"))
    await house.close()


def know(house: House, person_id: int) -> None:
    event = pb.SettlementEvent()
    event.person.known.person_id = person_id
    event.person.known.tier = PERSON_TIER_I
    house.shard.commit(event)


def bind(house: House, person_id: int, card_id: int) -> None:
    event = pb.SettlementEvent()
    bound = event.person.card_bound
    bound.person_id, bound.card_id = person_id, card_id
    bound.card_masked, bound.bank_name = "****1234", "工商银行"
    house.shard.commit(event)

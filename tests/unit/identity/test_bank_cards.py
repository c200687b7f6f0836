from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.adapters.banks import SimulatedBanks
from services.identity.domain import bank_cards, resident_id
from services.identity.domain.bank_cards import BANKS, CardNumber
from services.identity.domain.errors import CardBankUnavailable, CardMalformed
from services.identity.domain.evidence import tier_of
from services.identity.domain.names import PersonName
from services.identity.domain.people import Tier
from services.identity.domain.ports import BankAnswer, FourElements
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import (
    ORDINAL_CLOSED,
    ORDINAL_MAX,
    ORDINAL_RENAMED,
    ORDINAL_SILENT,
    issued_card,
    reserved_phone,
)
from services.identity.domain.simulated_people import registered_name
from services.mesh.clock import SystemClock

ICBC, ABC = BANKS[:2]
NUMBER = resident_id.make("110105", dt.date(1990, 5, 1), 11)
OTHER_NUMBER = resident_id.make("110105", dt.date(1990, 5, 1), 12)
NAME, PHONE = registered_name(NUMBER), reserved_phone(NUMBER)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("", "length"),
        ("622202123456789", "length"),
        ("62220212345678901234", "length"),
        ("6222021234567890x2", "length"),
        ("\u0666222028007538651008", "length"),
        ("   ", "length"),
        ("6222-0280-0753", "length"),
        ("6222.0280.0753.8651", "length"),
        ("６２２２０２８００７５３８６５１", "length"),  # noqa: RUF001 - full-width digits are the point
        ("6222028007538651009", "checksum"),
        ("6222020000000008", "checksum"),
        ("2622028007538651008", "checksum"),  # Two digits changed places.
        ("4111111111111111", "bank"),
        ("6222030000000006", "bank"),
    ],
)
def test_a_number_that_cannot_be_a_cards_says_which_test_failed(text: str, step: str) -> None:
    with pytest.raises(CardMalformed) as refused:
        bank_cards.parse(text)
    assert refused.value.step == step


@pytest.mark.parametrize(
    ("text", "bank"),
    [
        ("6222020000000007", ICBC),
        ("62220200000000000", ICBC),
        ("622202000000000007", ICBC),
        ("6222020000000000000", ICBC),
        ("6228480000000007", ABC),
        ("6228 4800 0000 0000 000", ABC),
    ],
)
def test_cards_have_sixteen_to_nineteen_digits(text: str, bank: bank_cards.Bank) -> None:
    assert bank_cards.parse(text).bank == bank


@pytest.mark.parametrize(("digits", "last"), [("7992739871", "3"), ("411111111111111", "1"), ("0", "0")])
def test_check_digits_are_those_of_known_numbers(digits: str, last: str) -> None:
    assert bank_cards.check_digit(digits) == last


def test_spaces_and_dashes_are_forgiven_and_what_is_shown_hides_the_rest() -> None:
    digits = issued_card(ICBC, NUMBER)
    number = bank_cards.parse(f" {digits[:4]} {digits[4:8]}-{digits[8:]} ")
    assert number == CardNumber(digits, ICBC)
    assert number.masked == f"****{digits[-4:]}"
    assert digits not in repr(number)


@given(st.sampled_from(BANKS), st.integers(0, ORDINAL_SILENT), st.integers(0, 18), st.integers(1, 9))
def test_every_issued_card_is_well_formed_and_no_single_typo_of_it(
    bank: bank_cards.Bank, ordinal: int, place: int, more: int
) -> None:
    digits = issued_card(bank, NUMBER, ordinal)
    assert bank_cards.parse(digits).bank == bank
    typo = f"{digits[:place]}{(int(digits[place]) + more) % 10}{digits[place + 1 :]}"
    with pytest.raises(CardMalformed) as refused:
        bank_cards.parse(typo)
    assert refused.value.step == "checksum"


def test_no_two_banks_share_the_first_digits_of_their_cards() -> None:
    assert len({bank.bin for bank in BANKS}) == len({bank.code for bank in BANKS}) == len(BANKS)


@pytest.mark.parametrize(
    ("banks", "tier"), [(0, Tier.I), (1, Tier.I), (2, Tier.II), (3, Tier.II), (4, Tier.III), (10, Tier.III)]
)
def test_the_registry_and_every_bank_are_a_channel_each(banks: int, tier: Tier) -> None:
    assert tier_of(banks) is tier


@pytest.mark.parametrize(
    ("banks", "tier"), [(0, Tier.I), (1, Tier.II), (2, Tier.II), (3, Tier.III), (10, Tier.III)]
)
def test_photos_that_the_authority_confirms_are_one_channel_more(banks: int, tier: Tier) -> None:
    assert tier_of(banks, documents=1) is tier


def asked(digits: str, *, name: str = NAME, number: str = NUMBER, phone: str = PHONE) -> FourElements:
    return FourElements(PersonName(name), ResidentId(number), bank_cards.parse(digits), phone)


def banks(latency_ms: int = 0) -> SimulatedBanks:
    return SimulatedBanks(SystemClock(), seed=2016, latency_ms=latency_ms, timeout_ms=2, questions_max=1)


@pytest.mark.parametrize(
    ("elements", "answer"),
    [
        (asked(issued_card(ICBC, NUMBER)), BankAnswer.CONFIRMED),
        (asked(issued_card(ABC, NUMBER, ORDINAL_MAX)), BankAnswer.CONFIRMED),
        (asked(issued_card(ICBC, NUMBER, ORDINAL_MAX + 1)), BankAnswer.NO_SUCH_CARD),
        (asked(issued_card(ICBC, NUMBER, ORDINAL_CLOSED)), BankAnswer.NO_SUCH_CARD),
        (asked(issued_card(ICBC, OTHER_NUMBER)), BankAnswer.OTHER_RESIDENT_ID),
        (asked(issued_card(ICBC, NUMBER), number=OTHER_NUMBER), BankAnswer.OTHER_RESIDENT_ID),
        (asked(issued_card(ICBC, NUMBER), name="王小明"), BankAnswer.OTHER_NAME),
        (asked(issued_card(ICBC, NUMBER, ORDINAL_RENAMED)), BankAnswer.OTHER_NAME),
        (asked(issued_card(ICBC, NUMBER), phone="13800138000"), BankAnswer.OTHER_PHONE),
    ],
)
async def test_a_bank_says_which_element_differs(elements: FourElements, answer: BankAnswer) -> None:
    assert await banks().confirm(elements) is answer


async def test_a_silent_bank_is_waited_for_no_longer_than_settings_say() -> None:
    with pytest.raises(CardBankUnavailable):
        await banks().confirm(asked(issued_card(ICBC, NUMBER, ORDINAL_SILENT)))
    with pytest.raises(CardBankUnavailable):
        await banks(latency_ms=3).confirm(asked(issued_card(ICBC, NUMBER)))


def test_every_bank_has_one_phone_for_a_person() -> None:
    assert PHONE.isdigit()
    assert (len(PHONE), PHONE[0]) == (11, "1")
    assert "3" <= PHONE[1] <= "9"
    assert reserved_phone(OTHER_NUMBER) != PHONE

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain import resident_id
from services.identity.domain.errors import ResidentIdMalformed

TODAY = dt.date(2016, 2, 7)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("11010519491231002X", "11010519491231002X"),  # The standard's own example.
        ("11010519491231002x", "11010519491231002X"),
        (" 11010519491231002X ", "11010519491231002X"),
        ("810000199408230021", "810000199408230021"),  # A residence permit of someone from Hong Kong.
        ("71000019850131001X", "71000019850131001X"),  # Registered in Taiwan.
        ("830000198812319991", "830000198812319991"),  # A residence permit of someone from there.
        ("91110119790601007X", "91110119790601007X"),  # One of somebody from abroad.
        ("659001200002290008", "659001200002290008"),  # A county below its province; 2000 was a leap year.
        ("429021190001010031", "429021190001010031"),  # The earliest day of birth.
        ("\t11010519491231002X\n", "11010519491231002X"),
    ],
)
def test_a_number_is_read_as_on_the_card(typed: str, number: str) -> None:
    assert resident_id.parse(typed, TODAY).number == number


@pytest.mark.parametrize(
    ("typed", "step"),
    [
        ("", "length"),
        ("11010519491231002", "length"),
        ("11010519491231002XX", "length"),
        ("1101051949123100ZX", "length"),
        ("X1010519491231002X", "length"),
        ("11010519491231002１", "length"),  # noqa: RUF001 - a full-width digit is the point
        ("110105194912310０2X", "length"),  # noqa: RUF001 - as above
        ("110105491231002", "length"),  # Fifteen digits, as until 1999.
        ("11010519491231 02X", "length"),
        ("1101051949123100-X", "length"),
        ("11010519491231002\x00", "length"),
        ("00010519491231002X", "region"),
        ("99010519491231002X", "region"),  # No province.
        ("82010519491231002X", "checksum"),  # Macao has no cities whose number could be wrong.
        ("16010519491231002X", "region"),
        ("11000019491231002X", "region"),
        ("11710519491231002X", "region"),
        ("11010519491331002X", "birth_date"),
        ("11010519490031002X", "birth_date"),
        ("11010519491200002X", "birth_date"),
        ("11010519490431002X", "birth_date"),  # April has 30 days.
        ("11010520150229002X", "birth_date"),
        ("11010519490230002X", "birth_date"),
        ("11010519000229002X", "birth_date"),  # 1900 was no leap year.
        ("11010518991231002X", "birth_date"),
        ("11010520160208002X", "birth_date"),  # Tomorrow.
        ("110105194912310021", "checksum"),
        ("11010519491231003X", "checksum"),
        ("11010519491231020X", "checksum"),  # Two digits changed places.
    ],
)
def test_the_first_step_that_fails_is_named(typed: str, step: str) -> None:
    with pytest.raises(ResidentIdMalformed) as failure:
        resident_id.parse(typed, TODAY)
    assert failure.value.step == step


def test_someone_born_today_has_a_number() -> None:
    number = resident_id.make("110105", TODAY, 2)
    assert resident_id.parse(number, TODAY).number == number


_REGIONS = st.sampled_from(["110105", "310104", "441900", "469001", "659001", "810000"])
_DAYS = st.dates(resident_id.EARLIEST_BIRTH, TODAY)
_SEQUENCES = st.integers(0, resident_id.SEQUENCE_MAX)


@given(_REGIONS, _DAYS, _SEQUENCES)
def test_every_number_made_is_well_formed(region: str, birth_date: dt.date, sequence: int) -> None:
    number = resident_id.make(region, birth_date, sequence)
    assert resident_id.parse(number, TODAY).number == number


@given(_REGIONS, _DAYS, _SEQUENCES, st.integers(14, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(
    region: str, birth_date: dt.date, sequence: int, place: int, shift: int
) -> None:
    number = resident_id.make(region, birth_date, sequence)
    digit = "0123456789X".index(number[place])
    wrong = str((digit + shift) % 10) if number[place] != "X" else str(shift)
    with pytest.raises(ResidentIdMalformed):
        resident_id.parse(number[:place] + wrong + number[place + 1 :], TODAY)


def test_a_number_does_not_show_in_logs() -> None:
    parsed = resident_id.parse("11010519491231002X", TODAY)
    assert "1949" not in repr(parsed)
    assert parsed.masked == "1****************X"

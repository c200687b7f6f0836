"""Resident ID numbers after GB 11643-1999: region (6), birth date (8), sequence (3), check character (1)."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from services.identity.domain.errors import ResidentIdMalformed

BEIJING: Final = dt.timezone(dt.timedelta(hours=8))
"""China keeps one time all year; birth dates and "today" are dates of it."""
EARLIEST_BIRTH: Final = dt.date(1900, 1, 1)
SEQUENCE_MAX: Final = 999

_SHAPE: Final = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS: Final = "10X98765432"
# First two digits, GB/T 2260: provinces by part of the country, then Taiwan, Hong Kong, Macao, and the
# residence permits of people from there (83) and from abroad (91), which follow the same standard.
_PROVINCES: Final = frozenset(
    (
        *(11, 12, 13, 14, 15),
        *(21, 22, 23),
        *(31, 32, 33, 34, 35, 36, 37),
        *(41, 42, 43, 44, 45, 46),
        *(50, 51, 52, 53, 54),
        *(61, 62, 63, 64, 65),
        *(71, 81, 82, 83, 91),
    )
)
# Third and fourth digit, GB/T 2260: 01-20 and 51-70 cities, 21-50 prefectures and leagues, 90 counties that
# stand directly below the province. 00 is the province itself; only above 70 are people registered there.
_CITIES: Final = frozenset((*range(1, 71), 90))
_FIRST_REGION_WITHOUT_CITIES: Final = 71


@dataclass(frozen=True, slots=True)
class ResidentId:
    """A resident ID that passed every test that needs no registry. Its repr is masked, for logs."""

    number: str
    """18 characters, the last a digit or an upper-case X."""

    def __repr__(self) -> str:
        return f"ResidentId({self.masked})"

    @property
    def masked(self) -> str:
        """All but the first and last character hidden, as banks print it. Empty once it is erased."""
        return f"{self.number[0]}{'*' * 16}{self.number[-1]}" if self.number else ""


def parse(text: str, today: dt.date) -> ResidentId:
    """Checks what someone typed; spaces around it and a small x are forgiven.

    `today` is the date in Beijing. Raises `ResidentIdMalformed` with the first step that failed: `length` (18
    characters of the right kind), `region`, `birth_date` (a date from 1900 to today), `checksum`.
    """
    number = text.strip().upper()
    if not _SHAPE.fullmatch(number):
        raise ResidentIdMalformed("length")
    if not _is_region(number[:6]):
        raise ResidentIdMalformed("region")
    if not _is_birth_date(number[6:14], today):
        raise ResidentIdMalformed("birth_date")
    if check_character(number[:17]) != number[17]:
        raise ResidentIdMalformed("checksum")
    return ResidentId(number)


def check_character(digits: str) -> str:
    """The 18th character for 17 digits: ISO 7064 MOD 11-2, as weights and a table."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def make(region: str, birth_date: dt.date, sequence: int) -> str:
    """Makes a well-formed number, 18 characters, for generators and tests.

    `region` is six digits such as "110105", `sequence` 0 to 999 (odd for men, even for women). Whether the
    number exists is the registry's to say.
    """
    assert 0 <= sequence <= SEQUENCE_MAX, "a sequence has three digits"
    assert _is_region(region), "the region must be one that `parse` takes"
    digits = f"{region}{birth_date:%Y%m%d}{sequence:03d}"
    return digits + check_character(digits)


def _is_region(digits: str) -> bool:
    province, city = int(digits[:2]), int(digits[2:4])
    if province >= _FIRST_REGION_WITHOUT_CITIES:
        return province in _PROVINCES
    return province in _PROVINCES and city in _CITIES


def _is_birth_date(digits: str, today: dt.date) -> bool:
    try:
        born = dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return EARLIEST_BIRTH <= born <= today

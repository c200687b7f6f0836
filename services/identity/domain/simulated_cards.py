"""Bank cards that the simulated banks have issued: whose they are follows from the number alone.

Generators of people use it, and so does the adapter of the banks.
"""

from __future__ import annotations

import hashlib
from typing import Final

from services.identity.domain.bank_cards import BIN_DIGITS, Bank, check_digit
from services.identity.domain.simulated_people import DEFAULT_SEED

ORDINAL_MAX: Final = 95
"""Highest ordinal of a card that simply works."""
ORDINAL_RENAMED: Final = 97
"""The bank knows the holder under an earlier name: the way to meet CARD_REFUSED, step `name`."""
ORDINAL_CLOSED: Final = 98
"""The card is closed: the way to meet CARD_REFUSED, step `card`."""
ORDINAL_SILENT: Final = 99
"""The bank never answers about the card: the way to meet CARD_BANK_UNAVAILABLE."""

_HOLDER_DIGITS: Final = 10
_ORDINAL_DIGITS: Final = 2


def issued_card(bank: Bank, resident_number: str, ordinal: int = 0, seed: int = DEFAULT_SEED) -> str:
    """The number of a person's card at a bank, 19 digits; a person has 96 at each that work."""
    assert 0 <= ordinal <= ORDINAL_SILENT, "an ordinal has two digits"
    digits = f"{bank.bin}{_holder(resident_number, seed)}{ordinal:02d}"
    return digits + check_digit(digits)


def is_holder(card_digits: str, resident_number: str, seed: int = DEFAULT_SEED) -> bool:
    """Whether the card was issued to the person."""
    return card_digits[BIN_DIGITS : BIN_DIGITS + _HOLDER_DIGITS] == _holder(resident_number, seed)


def ordinal_of(card_digits: str) -> int:
    """Which of its holder's cards it is."""
    return int(card_digits[BIN_DIGITS + _HOLDER_DIGITS :][:_ORDINAL_DIGITS] or "0")


def reserved_phone(resident_number: str, seed: int = DEFAULT_SEED) -> str:
    """The mobile number that every bank has for a person, eleven digits."""
    drawn = _drawn("phone", resident_number, seed)
    return f"1{3 + drawn % 7}{drawn // 7 % 10**9:09d}"


def _holder(resident_number: str, seed: int) -> str:
    return f"{_drawn('holder', resident_number, seed) % 10**_HOLDER_DIGITS:010d}"


def _drawn(purpose: str, resident_number: str, seed: int) -> int:
    text = f"{purpose}/{resident_number}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=seed.to_bytes(8, "big")).digest(), "big")

"""Bank cards: which numbers can be one at all, and what is shown of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from services.identity.domain.errors import CardMalformed
from services.identity.domain.people import CardId, PersonId

BIN_DIGITS: Final = 6
"""First digits of a number, which say whose card it is (ISO/IEC 7812)."""

_SHAPE: Final = re.compile(r"[0-9]{16,19}", re.ASCII)
_SPACES: Final = re.compile(r"[ -]")
_TWICE: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""Digit sums of doubled digits."""


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank that can confirm who somebody is."""

    code: str
    """As in the national clearing system: "ICBC"."""
    name: str
    """As its customers call it: "工商银行"."""
    bin: str
    """First six digits of its ordinary debit cards."""


BANKS: Final = (
    Bank("ICBC", "工商银行", "622202"),
    Bank("ABC", "农业银行", "622848"),
    Bank("BOC", "中国银行", "621661"),
    Bank("CCB", "建设银行", "622700"),
    Bank("COMM", "交通银行", "622260"),
    Bank("CMB", "招商银行", "622588"),
    Bank("PSBC", "邮储银行", "622188"),
    Bank("CMBC", "民生银行", "622622"),
    Bank("CIB", "兴业银行", "622909"),
    Bank("HXB", "华夏银行", "622630"),
)
_BANK_BY_BIN: Final = {bank.bin: bank for bank in BANKS}
BANK_BY_CODE: Final = {bank.code: bank for bank in BANKS}
"""All banks that are known here."""


@dataclass(frozen=True, slots=True)
class CardNumber:
    """A number that passed every test that needs no bank. Its repr is masked, for logs."""

    digits: str = field(repr=False)
    """16 to 19."""
    bank: Bank

    @property
    def masked(self) -> str:
        """All but the last four digits hidden: "****1234"."""
        return f"****{self.digits[-4:]}"


@dataclass(frozen=True, slots=True)
class BankCard:
    """A card that is bound, as others than its bank may see it."""

    card_id: CardId
    person_id: PersonId
    bank: Bank
    number_masked: str
    bound_ms: int
    """Milliseconds since the Unix epoch."""
    phone: str = field(repr=False)
    """What the bank has for the card; never shown."""


def parse(text: str) -> CardNumber:
    """Checks what someone typed; spaces and dashes are forgiven.

    Raises `CardMalformed` with the first step that failed: `length` (16 to 19 digits), `checksum`, `bank`
    (no bank known here has such cards).
    """
    digits = _SPACES.sub("", text.strip())
    if not _SHAPE.fullmatch(digits):
        raise CardMalformed("length")
    if check_digit(digits[:-1]) != digits[-1]:
        raise CardMalformed("checksum")
    bank = _BANK_BY_BIN.get(digits[:BIN_DIGITS])
    if bank is None:
        raise CardMalformed("bank")
    return CardNumber(digits, bank)


def check_digit(digits: str) -> str:
    """The last digit of a card number, after Luhn (ISO/IEC 7812-1, annex B)."""
    total = sum(
        _TWICE[int(digit)] if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(digits))
    )
    return str(-total % 10)

"""Accounts, the people behind them, and the cases of checks that failed."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field
from typing import NewType, Self

from services.identity.domain.names import PersonName
from services.identity.domain.resident_id import BEIJING, ResidentId

AccountId = NewType("AccountId", int)
PersonId = NewType("PersonId", int)
CaseNumber = NewType("CaseNumber", str)
CardId = NewType("CardId", int)
SessionId = NewType("SessionId", int)

ID_BITS = 63
"""Numbers of accounts, people and cards are random and positive in a signed 64-bit integer."""

_CASE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CASE_LETTER_COUNT = 8


class Tier(enum.IntEnum):
    """How much evidence stands behind a person; numbers are the contract's."""

    NONE = 0
    """Nothing is proven: a provisional person."""
    I = 1  # noqa: E741 - the field's own name for it
    """One outside channel: 1,000 yuan over the lifetime."""
    II = 2
    """Three outside channels: 100,000 yuan a year."""
    III = 3
    """Five outside channels: 200,000 yuan a year."""


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What is kept of a login secret."""

    salt: bytes
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """A verified human being: one for each resident ID."""

    person_id: PersonId
    name: PersonName
    resident_id: ResidentId
    tier: Tier


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom the tokens of an account speak for."""

    person_id: PersonId
    tier: Tier


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check that passed has shown."""

    person: Person
    merged_id: PersonId | None
    """The account's provisional person, if it was merged into this one."""

    @classmethod
    def by(cls, person: Person, provisional_id: PersonId | None) -> Self:
        """The person behind an account with this provisional person, if it had one."""
        return cls(person, None if provisional_id == person.person_id else provisional_id)


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and who is behind it as far as that is known."""

    account_id: AccountId
    phone: str = field(repr=False)
    """Eleven digits."""
    display_name: str = field(repr=False)
    secret: StoredSecret
    registered_ms: int
    """Milliseconds since the Unix epoch."""
    secret_was_used: bool = False
    """Whether a check was ever made with the secret; then the owner has it, and it is not shown again."""
    person: Person | None = None
    verified_ms: int | None = None
    provisional_id: PersonId | None = None
    """Whom tokens spoke for before anybody was verified; None if there never was such a token."""

    @property
    def bearer(self) -> Bearer | None:
        """Whom tokens speak for; None if nobody is verified and there is no provisional person yet."""
        if self.person is not None:
            return Bearer(self.person.person_id, self.person.tier)
        return None if self.provisional_id is None else Bearer(self.provisional_id, Tier.NONE)

    @property
    def erased(self) -> bool:
        """Whether its data was erased, which ended it: every other account has a phone."""
        return not self.phone

    @property
    def phone_masked(self) -> str:
        """The middle hidden: 138****0001. Empty once it is erased."""
        if self.erased:
            return ""
        return f"{self.phone[:3]}****{self.phone[-4:]}"


@dataclass(frozen=True, slots=True)
class Standing:
    """An account at the moment of a check."""

    account: Account
    failed_checks: int
    """How many checks failed within the window that was asked for."""


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that failed, as typed: a repeat of the same input belongs to the same case."""

    account_id: AccountId
    reason: str
    step: str
    typed: tuple[str, ...] = field(repr=False)
    counts: bool
    """Whether it brings the account nearer to its limit: an outage of a provider does not."""


def date_in_beijing(now_ms: int) -> dt.date:
    """The calendar day there."""
    return dt.datetime.fromtimestamp(now_ms / 1000, BEIJING).date()


def case_number(now_ms: int, random_bits: int) -> CaseNumber:
    """Numbers a case: the day, and 40 random bits as letters that cannot be mistaken for each other."""
    letters = (_CASE_LETTERS[(random_bits >> (5 * place)) & 31] for place in range(_CASE_LETTER_COUNT))
    return CaseNumber(f"K{date_in_beijing(now_ms):%y%m%d}-{''.join(letters)}")

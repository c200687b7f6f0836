"""What identity needs of the world."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    Case,
    CaseNumber,
    FailedCheck,
    Person,
    Standing,
)
from services.identity.domain.resident_id import ResidentId


class WallClock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...


class AccountStore(Protocol):
    """Keeps accounts, people and cases. Every method that writes is atomic and durable on return."""

    async def register(self, account: Account, request_id: str) -> Account:
        """Keeps a new account, or returns the one that this request opened before.

        Raises `RequestIdReused` when that was opened with another phone or display name.
        """
        ...

    async def find(self, account_id: AccountId) -> Account | None:
        """The account, or None."""
        ...

    async def standing(self, account_id: AccountId, since_ms: int) -> Standing | None:
        """The account and how many of its checks have failed since a time, or None."""
        ...

    async def tie(self, account_id: AccountId, person: Person, now_ms: int) -> Person:
        """Ties the account to the person with this resident ID, who is kept now if nobody has that ID yet.

        Returns that person, whose number is the given one only when new, takes over the given name, and
        resolves the account's cases.
        Raises `AlreadyVerifiedAsOther` when the account is tied to someone else, and then changes nothing.
        """
        ...

    async def open_case(self, failed: FailedCheck, case_number: CaseNumber, now_ms: int) -> Case:
        """Keeps a case, or counts the failure on the open case of the same check and returns that one."""
        ...

    async def find_case(self, account_id: AccountId, case_number: CaseNumber) -> Case | None:
        """The account's case, or None."""
        ...


class RegistryAnswer(enum.Enum):
    """What the population registry says about a name and a number."""

    MATCH = enum.auto()
    OTHER_NAME = enum.auto()
    NUMBER_UNKNOWN = enum.auto()


class PopulationRegistry(Protocol):
    """An outside channel: the provider of the name and number match."""

    async def match(self, name: PersonName, resident_id: ResidentId) -> RegistryAnswer:
        """Asks, within a time and a number of questions at once that the adapter bounds.

        Raises `ProviderUnavailable` when there is no answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A published key that checks tokens."""

    key_id: str
    raw: bytes
    """Ed25519 public key, 32 bytes."""


class TokenSigner(Protocol):
    """Signs access tokens."""

    def sign(self, account_id: AccountId, person: Person, now_ms: int) -> tuple[str, int]:
        """A token, and when it ends in seconds since the Unix epoch."""
        ...

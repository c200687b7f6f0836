"""What identity needs of the world."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.identity.domain.bank_cards import BankCard, CardNumber
from services.identity.domain.cases.case import Case
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    Bearer,
    CardId,
    CaseNumber,
    FailedCheck,
    Person,
    PersonId,
    SessionId,
    Standing,
    Tier,
    Verified,
)
from services.identity.domain.person_events import FeedStretch
from services.identity.domain.resident_id import ResidentId
from services.mesh.language import Language

DrawBits = Callable[[int], int]
"""Gives an unpredictable number of so many bits."""


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

    async def bearer(self, account_id: AccountId, provisional_id: PersonId, now_ms: int) -> Bearer:
        """Whom the account's tokens speak for; keeps the provisional person if there is nobody yet.

        From then on the owner evidently has the secret. Raises `AccountUnknown`.
        """
        ...

    async def tie(
        self, account_id: AccountId, person: Person, now_ms: int, trace_context: str = ""
    ) -> Verified:
        """Ties the account to the person with this resident ID, who is kept now if nobody has that ID yet.

        Returns that person, and resolves the account's cases about names and resident IDs. A new person has
        the number of the account's provisional person, or the given one if there is none. A known person
        keeps their number, takes over the given name, and the account's provisional person is merged into
        them. The feed hears of both in the same transaction.
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
class FourElements:
    """What a bank confirms, or does not."""

    name: PersonName
    resident_id: ResidentId
    card: CardNumber
    phone: str = field(repr=False)


class BankAnswer(enum.Enum):
    """What a bank says: the first element that differs, or that none does."""

    CONFIRMED = enum.auto()
    NO_SUCH_CARD = enum.auto()
    """Nor a closed one that could still be used."""
    OTHER_RESIDENT_ID = enum.auto()
    OTHER_NAME = enum.auto()
    OTHER_PHONE = enum.auto()


class Banks(Protocol):
    """Outside channels: every bank is one."""

    async def confirm(self, elements: FourElements) -> BankAnswer:
        """Asks the card's bank, within a time and a number of questions at once that the adapter bounds.

        Raises `CardBankUnavailable` when there is no answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card that its bank has confirmed."""

    card_id: CardId
    person_id: PersonId
    number: CardNumber
    phone: str = field(repr=False)
    bound_ms: int


class CardStore(Protocol):
    """Keeps people's cards. What is written is atomic, durable on return, and heard of in the feed."""

    async def bound(self, person_id: PersonId, number: CardNumber) -> BankCard | None:
        """The person's card with this number, or None if it is not bound."""
        ...

    async def bind(
        self, card: NewCard, account_id: AccountId, language: Language, trace_context: str
    ) -> tuple[BankCard, Tier]:
        """Keeps the card, or the phone of the one that is bound already, and returns that one.

        Counts the bank as an outside channel, tells the tier that follows from all of them, and resolves the
        account's cases about cards. Raises `CardLimitReached`, and then changes nothing.
        """
        ...

    async def listed(self, person_id: PersonId) -> Sequence[BankCard]:
        """The person's cards that are bound, oldest first."""
        ...

    async def unbind(self, person_id: PersonId, card_id: CardId, now_ms: int, trace_context: str) -> None:
        """Takes the card away and erases its number, once. Raises `CardUnknown`."""
        ...


class PersonFeed(Protocol):
    """What became known about people, in order."""

    async def last_seq(self) -> int:
        """Number of the newest event, 0 when there is none."""
        ...

    async def read(self, after_seq: int, limit: int, shard: int, shard_count: int) -> FeedStretch:
        """Looks at `limit` events above `after_seq` at most; tells those about people of the shard."""
        ...

    async def wait_beyond(self, seq: int, timeout_s: float) -> None:
        """Returns when there may be an event above `seq`, at the latest after the time."""
        ...


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A published key that checks tokens."""

    key_id: str
    raw: bytes
    """Ed25519 public key, 32 bytes."""


class TokenSigner(Protocol):
    """Signs access tokens."""

    def sign(
        self, account_id: AccountId, bearer: Bearer, session_id: SessionId, issued_s: int, expires_s: int
    ) -> str:
        """A token of the account for its person, from a time to a time in seconds since the Unix epoch."""
        ...

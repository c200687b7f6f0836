"""What verification step by step needs of the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.identity.domain.people import Account, AccountId, CaseNumber, PersonId, Tier
from services.identity.domain.ports import FourElements
from services.identity.domain.verifying.application import Application, Confirmed, VerificationId
from services.identity.domain.verifying.checks import CheckResult, Failure, Pauses, Reference
from services.identity.domain.verifying.photos import Photo
from services.identity.domain.verifying.progress import Told
from services.identity.domain.verifying.steps import NameAndNumber, StepKind

Change = Callable[[Application, Confirmed], Application]
"""What becomes of an application, given what is known of its person; pure, and may raise."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The person behind an application's account, as far as anybody is verified."""

    person_id: PersonId
    tier: Tier


@dataclass(frozen=True, slots=True)
class Standing:
    """An application, and whom it has made of its account."""

    application: Application
    holder: Holder | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """Random numbers for what a provider's word may bring about."""

    person_id: PersonId
    card_id: int
    case_number: CaseNumber


@dataclass(frozen=True, slots=True)
class DocumentShown:
    """What the ID authority looks at."""

    person: NameAndNumber
    photos: Mapping[StepKind, Photo]


Asked = NameAndNumber | DocumentShown | FourElements
"""What a provider is asked; who it is follows from it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A question that this process asks now."""

    reference: Reference
    tries: int
    """Which try it is, from 1; whoever reports back without an answer names it."""
    asked: Asked | None = field(repr=False)
    """None when there is nothing left to ask with."""


class ApplicationStore(Protocol):
    """Keeps applications. Every method that writes is atomic and durable on return."""

    async def start(
        self, account_id: AccountId, make: Callable[[Confirmed, Tier, int], Application]
    ) -> Standing:
        """The account's open application, or else a new one.

        `make` is told what is confirmed, the person's tier, and how many applications there were. Raises what
        it raises, and `AccountUnknown`.
        """
        ...

    async def find(self, account_id: AccountId, verification_id: VerificationId) -> Standing | None:
        """An application of the account, or None."""
        ...

    async def change(
        self, account_id: AccountId, verification_id: VerificationId, change: Change, now_ms: int
    ) -> Standing:
        """Changes an application while nobody else does.

        Raises what `change` raises, and `VerificationUnknown`.
        """
        ...

    async def listed(
        self, account_id: AccountId, before: VerificationId | None, before_ms: int, limit: int
    ) -> Sequence[Standing]:
        """Applications of the account, the newest first, those that follow one of them."""
        ...

    async def accounts_of(self, account_id: AccountId, after: int, limit: int) -> Sequence[Account]:
        """Accounts of the person behind the account, or the account alone, by rising number above `after`."""
        ...

    async def wait_beyond(self, verification_id: VerificationId, timeout_s: float) -> None:
        """Returns when the application may have changed, at the latest after the time."""
        ...


class Questions(Protocol):
    """Keeps what providers are asked. Every method is atomic and durable on return."""

    async def told(
        self, reference: Reference, result: CheckResult, drawn: Drawn, now_ms: int, trace_context: str
    ) -> Told:
        """Takes a provider's word, with all that follows from it: tie, tier, card, case, feed.

        Raises `CheckUnknown`, `CheckResultUnfit`.
        """
        ...

    async def take(self, now_ms: int, lease_ms: int, limit: int) -> Sequence[Taken]:
        """Takes up questions that are due; until the lease is over nobody else takes them."""
        ...

    async def unanswered(
        self, reference: Reference, tries: int, pauses: Pauses, case_number: CaseNumber, now_ms: int
    ) -> Failure | None:
        """A try brought no answer: asks again later, or gives up, with a case.

        Nothing changes when an answer has arrived in the meantime, or somebody else asks already.
        """
        ...


class Photos(Protocol):
    """Keeps photos, encrypted, each under a key of its own."""

    def digest(self, content: bytes) -> bytes:
        """A keyed hash of a photo."""
        ...

    async def keep(self, photo: Photo, content: bytes, now_ms: int) -> None:
        """Keeps a photo. It is removed after a while unless an application refers to it by then.

        Raises `ObjectStoreUnavailable`.
        """
        ...

    async def read(self, photo: Photo) -> bytes:
        """The photo. Raises `ObjectStoreUnavailable`, `PhotoGone`."""
        ...


class PhotoGone(Exception):
    """The photo was removed, or its key."""


class ProviderSilent(Exception):
    """The provider has not answered in time, or not sensibly. It may answer later."""


class Providers(Protocol):
    """All outside channels that are asked by reference: whoever asks again gets no second check."""

    async def ask(self, reference: Reference, asked: Asked) -> CheckResult:
        """Asks, within a time that the adapter bounds. Raises `ProviderSilent`."""
        ...

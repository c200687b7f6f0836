"""What credit needs of the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.identity.domain.credit.loans import Loan, Repayment
from services.identity.domain.credit.partners import (
    Consent,
    ConsentId,
    ConsentRules,
    Partner,
    PartnerId,
    Query,
    QueryId,
    Scope,
)
from services.identity.domain.credit.score import Kept, Score
from services.identity.domain.credit.signals import Known, RelationFacts, Signals, WalletFacts
from services.identity.domain.people import PersonId

LoanChange = Callable[[Loan], Loan]
"""What a loan becomes. Raises to refuse."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """Something that was judged against somebody."""

    conduct_id: str
    person_id: PersonId
    kind: int
    """The contract's number of what it was."""
    judged_ms: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a partner that has proved itself."""

    query_id: QueryId
    """For a new query; a repeat has the number of the first."""
    request_id: str
    partner: Partner
    person_id: PersonId
    scope: Scope
    now_ms: int


class Sources(Protocol):
    """Other services, asked within a time that the adapter bounds."""

    async def look(self, person_id: PersonId, now_ms: int) -> tuple[WalletFacts | None, RelationFacts | None]:
        """What settlement and social know; None for who does not answer."""
        ...


class ScoreStore(Protocol):
    """Keeps scores, and reads what identity knows itself."""

    async def look(self, person_id: PersonId, now_ms: int) -> tuple[Known, Kept | None] | None:
        """The person and the newest score; None for somebody whom nobody knows."""
        ...

    async def keep(self, score: Score, signals: Signals) -> Kept:
        """Keeps a score as the person's newest; durable on return.

        Where a score of a later moment was kept meanwhile, that one is returned instead.
        """
        ...

    async def listed(self, person_id: PersonId, below_version: int, limit: int) -> Sequence[Score]:
        """At most `limit` of the person's scores below a version, newest first."""
        ...

    async def verified_among(self, people: Sequence[PersonId]) -> frozenset[PersonId]:
        """Those who are verified."""
        ...

    async def report(self, conduct: Conduct) -> None:
        """Keeps what was judged, once. Raises `ConductConflict`."""
        ...


class ConsentStore(Protocol):
    """Keeps consents. What is written is atomic and durable on return."""

    async def grant(self, consent: Consent, request_id: str, rules: ConsentRules) -> Consent:
        """Keeps a consent and ends the person's earlier ones for the partner.

        Returns the one that this request of the person gave before, if it did. Raises `RequestIdReused`,
        `CreditNeedsVerifiedPerson`, `PartnerUnknown`, `PartnerSuspended`, `PartnerNotLender`,
        `ConsentEndInvalid`, `ConsentLimitReached`.
        """
        ...

    async def withdraw(self, person_id: PersonId, consent_id: ConsentId, now_ms: int) -> Consent:
        """Ends a consent. Raises `ConsentUnknown`."""
        ...

    async def listed(self, person_id: PersonId, before: tuple[int, ...], limit: int) -> Sequence[Consent]:
        """At most `limit` of the person's consents, newest first, below (granted_ms, consent_id)."""
        ...


class PartnerStore(Protocol):
    """Keeps partners."""

    async def register(self, partner: Partner, request_id: str) -> Partner:
        """Keeps a partner, or returns the one that this request registered. Raises `RequestIdReused`."""
        ...

    async def find(self, partner_id: PartnerId) -> Partner | None:
        """The partner, or None."""
        ...

    async def listed(self, after: PartnerId, limit: int) -> Sequence[Partner]:
        """At most `limit` partners above a number, in order."""
        ...

    async def use_secret(self, partner_id: PartnerId) -> None:
        """Remembers that the partner has its secret."""
        ...

    async def suspend(self, partner_id: PartnerId, since_ms: int | None) -> Partner:
        """Suspends the partner since a moment, or lets it again. Raises `PartnerUnknown`."""
        ...


class QueryStore(Protocol):
    """Keeps queries."""

    async def earlier(self, asked: Asked) -> Query | None:
        """The query with this request, if there is one. Raises `RequestIdReused`."""
        ...

    async def consents(self, partner_id: PartnerId, person_id: PersonId, now_ms: int) -> tuple[Consent, ...]:
        """The person's consents to the partner that are open."""
        ...

    async def record(self, asked: Asked, score: Score | None, queries_max: int) -> Query:
        """Decides a query and keeps it with what is told: atomic, durable on return.

        A question for the score is answered with the given one; without one there was no consent at the
        moment of the look. Returns the earlier query of a repeat. Raises `RequestIdReused`,
        `QueryLimitReached`.
        """
        ...

    async def listed(self, person_id: PersonId, before: tuple[int, ...], limit: int) -> Sequence[Query]:
        """At most `limit` of the queries about a person, newest first, below (asked_ms, query_id)."""
        ...


class LoanStore(Protocol):
    """Keeps loans. What is written is atomic and durable on return."""

    async def report(self, partner: Partner, loan: Loan, loans_max: int) -> Loan:
        """Keeps a loan, or returns the one with this number if it is the same.

        Raises `LoanConflict`, `ConsentMissing`, `LoanLimitReached`.
        """
        ...

    async def repay(
        self, partner_id: PartnerId, loan_number: str, repayment: Repayment, change: LoanChange, now_ms: int
    ) -> Loan:
        """Keeps a repayment, once, and what the loan becomes. Raises `LoanUnknown`, `RepaymentConflict`."""
        ...

    async def change(self, partner_id: PartnerId, loan_number: str, change: LoanChange) -> Loan:
        """Keeps what the loan becomes. Raises `LoanUnknown` and what `change` raises."""
        ...

"""Merchants and lenders, what people let them ask, and what becomes of their questions."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, replace
from typing import NewType

from services.identity.domain.credit.errors import (
    ConsentEndInvalid,
    ConsentMissing,
    PartnerNotLender,
    PartnerSuspended,
)
from services.identity.domain.credit.signals import DAY_MS
from services.identity.domain.people import PersonId, StoredSecret
from services.identity.domain.resident_id import BEIJING

PartnerId = NewType("PartnerId", int)
ConsentId = NewType("ConsentId", int)
QueryId = NewType("QueryId", int)


class PartnerKind(enum.IntEnum):
    """What a partner does; numbers are the contract's."""

    MERCHANT = 1
    LENDER = 2


class Scope(enum.IntEnum):
    """What can be asked; numbers are the contract's."""

    SCORE = 1
    EXPOSURE = 2


class Outcome(enum.IntEnum):
    """What became of a query; numbers are the contract's."""

    ANSWERED = 1
    CONSENT_MISSING = 2
    PARTNER_SUSPENDED = 3
    PARTNER_NOT_LENDER = 4


class ConsentState(enum.IntEnum):
    """Where a consent stands; numbers are the contract's."""

    OPEN = 1
    ENDED = 2
    WITHDRAWN = 3


@dataclass(frozen=True, slots=True)
class Partner:
    """A merchant or lender."""

    partner_id: PartnerId
    name: str
    kind: PartnerKind
    secret: StoredSecret
    registered_ms: int
    suspended_ms: int | None = None
    secret_was_used: bool = False
    """Whether the partner evidently has the secret; then it is not shown again."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person lets a partner ask, from one moment to another."""

    consent_id: ConsentId
    person_id: PersonId
    partner_id: PartnerId
    partner_name: str
    scopes: frozenset[Scope]
    granted_ms: int
    ends_ms: int
    withdrawn_ms: int | None = None

    def state(self, now_ms: int) -> ConsentState:
        """Where it stands at a moment."""
        # A consent that was over is never withdrawn: what was first counts.
        if self.withdrawn_ms is not None:
            return ConsentState.WITHDRAWN
        return ConsentState.OPEN if now_ms < self.ends_ms else ConsentState.ENDED

    def allows(self, scope: Scope, now_ms: int) -> bool:
        """Whether this may be asked at a moment."""
        return self.state(now_ms) is ConsentState.OPEN and scope in self.scopes

    def withdrawn(self, now_ms: int) -> Consent:
        """The consent after it was taken back; one that is over stays as it is."""
        if self.state(now_ms) is not ConsentState.OPEN:
            return self
        return replace(self, withdrawn_ms=now_ms)


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """How many a person may give, and for how long."""

    open_max: int
    """Open ones, and those of the last day."""
    days_max: int

    def check_end(self, now_ms: int, ends_ms: int) -> None:
        """Raises `ConsentEndInvalid`."""
        if not now_ms < ends_ms <= now_ms + self.days_max * DAY_MS:
            raise ConsentEndInvalid(days_max=self.days_max)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a person owes, over all lenders and to one of them."""

    open_loans: int
    owed_fen: int
    own_open_loans: int
    own_owed_fen: int

    def __post_init__(self) -> None:
        assert 0 <= self.own_open_loans <= self.open_loans, "one's own are among all"
        assert 0 <= self.own_owed_fen <= self.owed_fen, "one's own are among all"


@dataclass(frozen=True, slots=True)
class Query:
    """A query on record."""

    query_id: QueryId
    partner_id: PartnerId
    partner_name: str
    person_id: PersonId
    scope: Scope
    outcome: Outcome
    asked_ms: int
    score: int = 0
    """What was told; 0 for none."""
    computed_ms: int = 0
    exposure: Exposure | None = None
    """As `score`."""


def may_be_asked(partner: Partner, scope: Scope) -> Outcome:
    """Whether a partner may ask for this at all: ANSWERED when it may."""
    if partner.suspended_ms is not None:
        return Outcome.PARTNER_SUSPENDED
    if scope is Scope.EXPOSURE and partner.kind is not PartnerKind.LENDER:
        return Outcome.PARTNER_NOT_LENDER
    return Outcome.ANSWERED


def outcome_of(partner: Partner, scope: Scope, consents: tuple[Consent, ...], now_ms: int) -> Outcome:
    """What becomes of a question at a moment, given the person's consents to this partner."""
    outcome = may_be_asked(partner, scope)
    if outcome is Outcome.ANSWERED and not any(consent.allows(scope, now_ms) for consent in consents):
        return Outcome.CONSENT_MISSING
    return outcome


def refuse(outcome: Outcome, partner_id: int, person_id: int, scope: Scope) -> None:
    """Raises what stands for an outcome; nothing for an answer."""
    match outcome:
        case Outcome.ANSWERED:
            return
        case Outcome.CONSENT_MISSING:
            raise ConsentMissing(person_id=person_id, scope=scope.name)
        case Outcome.PARTNER_SUSPENDED:
            raise PartnerSuspended(partner_id=partner_id)
        case Outcome.PARTNER_NOT_LENDER:
            raise PartnerNotLender(partner_id=partner_id)


def day_number(now_ms: int) -> int:
    """The calendar day in Beijing, as a number that rises by one a day: queries are counted by it."""
    return dt.datetime.fromtimestamp(now_ms / 1000, BEIJING).date().toordinal()


def day_left_ms(now_ms: int) -> int:
    """Until that day is over."""
    here = dt.datetime.fromtimestamp(now_ms / 1000, BEIJING)
    midnight = dt.datetime.combine(here.date() + dt.timedelta(days=1), dt.time(), BEIJING)
    return max(1, int(midnight.timestamp() * 1000) - now_ms)

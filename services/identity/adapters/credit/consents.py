"""Consents in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.credit.facts import resolved
from services.identity.adapters.credit.partners import partner_of, request_digest
from services.identity.adapters.credit.tables import consents, partners
from services.identity.adapters.tables import people
from services.identity.domain.credit.errors import (
    ConsentLimitReached,
    ConsentUnknown,
    CreditNeedsVerifiedPerson,
    PartnerUnknown,
)
from services.identity.domain.credit.partners import (
    Consent,
    ConsentId,
    ConsentRules,
    PartnerId,
    Scope,
    may_be_asked,
    refuse,
)
from services.identity.domain.credit.signals import DAY_MS
from services.identity.domain.errors import RequestIdReused
from services.identity.domain.people import PersonId
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement


class SqlConsentStore:
    """`ConsentStore` over a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def grant(self, consent: Consent, request_id: str, rules: ConsentRules) -> Consent:
        """See `ConsentStore.grant`."""
        digest = request_digest(request_id)

        def unit(connection: sa.Connection) -> Consent:
            person_id = _giver(connection, consent.person_id)
            # From here on, consents of the person wait for each other.
            _LOCK_PERSON.first(connection, {"person": person_id})
            row = _BY_REQUEST.first(connection, {"person": person_id, "digest": digest})
            if row is not None:
                return _repeated(consent_of(row), consent, request_id)
            _check_partner(connection, consent)
            now_ms = consent.granted_ms
            rules.check_end(now_ms, consent.ends_ms)
            _EXCHANGE.run(connection, {"person": person_id, "partner": consent.partner_id, "now_ms": now_ms})
            wanted = {"person": person_id, "now_ms": now_ms, "since_ms": now_ms - DAY_MS}
            counted = _COUNT.first(connection, wanted)
            assert counted is not None, "a count has a row"  # noqa: S101 - an invariant
            if counted.consents >= rules.open_max:
                raise ConsentLimitReached(limit=rules.open_max)
            _INSERT.run(connection, _values(consent, digest) | {"person_id": person_id})
            return consent

        return await self._database.write(unit)

    async def withdraw(self, person_id: PersonId, consent_id: ConsentId, now_ms: int) -> Consent:
        """See `ConsentStore.withdraw`."""

        def unit(connection: sa.Connection) -> Consent:
            found = resolved(connection, person_id)
            row = _LOCK.first(connection, {"consent": consent_id})
            if found is None or row is None or row.person_id != found[0]:
                raise ConsentUnknown(consent_id=consent_id)
            kept = consent_of(_FIND.first(connection, {"consent": consent_id}))
            after = kept.withdrawn(now_ms)
            if after != kept:
                _WITHDRAW.run(connection, {"consent": consent_id, "now_ms": now_ms})
            return after

        return await self._database.write(unit)

    async def listed(self, person_id: PersonId, before: tuple[int, ...], limit: int) -> Sequence[Consent]:
        """See `ConsentStore.listed`."""

        def unit(connection: sa.Connection) -> list[Consent]:
            found = resolved(connection, person_id)
            if found is None:
                return []
            wanted = {"person": found[0], "moment": before[0], "consent": before[1], "limit": limit}
            return [consent_of(row) for row in _LISTED.rows(connection, wanted)]

        return await self._database.read(unit)


def open_consents(
    connection: sa.Connection, partner_id: PartnerId, person_id: PersonId, now_ms: int
) -> tuple[Consent, ...]:
    """The person's consents to the partner that are open."""
    wanted = {"person": person_id, "partner": partner_id, "now_ms": now_ms}
    return tuple(consent_of(row) for row in _OPEN.rows(connection, wanted))


def held_consents(
    connection: sa.Connection, partner_id: PartnerId, person_id: PersonId, now_ms: int
) -> tuple[Consent, ...]:
    """As `open_consents`; none of them is withdrawn before the commit of what is done by them."""
    wanted = {"person": person_id, "partner": partner_id, "now_ms": now_ms}
    return tuple(consent_of(row) for row in _HELD.rows(connection, wanted))


def consent_of(row: Row) -> Consent:
    """The consent that a row holds, which has the partner's name beside it."""
    return Consent(
        ConsentId(row.consent_id),
        PersonId(row.person_id),
        PartnerId(row.partner_id),
        row.name,
        frozenset(scope for scope in Scope if row.scopes & _bit(scope)),
        row.granted_ms,
        row.ends_ms,
        row.withdrawn_ms,
    )


def _giver(connection: sa.Connection, person_id: PersonId) -> PersonId:
    found = resolved(connection, person_id)
    if found is None or not found[1]:
        raise CreditNeedsVerifiedPerson(person_id=person_id)
    return found[0]


def _check_partner(connection: sa.Connection, consent: Consent) -> None:
    row = _LOCK_PARTNER.first(connection, {"partner": consent.partner_id})
    if row is None:
        raise PartnerUnknown(partner_id=consent.partner_id)
    partner = partner_of(row)
    for scope in sorted(consent.scopes):
        refuse(may_be_asked(partner, scope), partner.partner_id, consent.person_id, scope)


def _repeated(kept: Consent, asked: Consent, request_id: str) -> Consent:
    """The consent kept, if the same was asked for. Raises `RequestIdReused`."""
    if (kept.partner_id, kept.scopes, kept.ends_ms) != (asked.partner_id, asked.scopes, asked.ends_ms):
        raise RequestIdReused(request_id)
    return kept


def _values(consent: Consent, digest: bytes) -> dict[str, object]:
    return {
        "consent_id": consent.consent_id,
        "partner_id": consent.partner_id,
        "request_digest": digest,
        "scopes": sum(map(_bit, consent.scopes)),
        "granted_ms": consent.granted_ms,
        "ends_ms": consent.ends_ms,
        "withdrawn_ms": None,
    }


def _bit(scope: Scope) -> int:
    return 1 << (scope - 1)


_with_name = sa.select(consents, partners.c.name).join_from(consents, partners)
_this = consents.c.consent_id == bindparam("consent")
_of_person = consents.c.person_id == bindparam("person")
_is_open = sa.and_(consents.c.withdrawn_ms.is_(None), consents.c.ends_ms > bindparam("now_ms"))
_LOCK_PERSON = Statement(
    sa.select(people.c.person_id).where(people.c.person_id == bindparam("person")).with_for_update()
)
# Held until the commit: nobody who is suspended meanwhile gets a consent.
_LOCK_PARTNER = Statement(
    sa.select(partners).where(partners.c.partner_id == bindparam("partner")).with_for_update(read=True)
)
_BY_REQUEST = Statement(_with_name.where(_of_person, consents.c.request_digest == bindparam("digest")))
_FIND = Statement(_with_name.where(_this))
_LOCK = Statement(sa.select(consents.c.person_id).where(_this).with_for_update())
_WITHDRAW = Statement(consents.update().where(_this).values(withdrawn_ms=bindparam("now_ms")))
_EXCHANGE = Statement(
    consents.update()
    .where(_of_person, consents.c.partner_id == bindparam("partner"), _is_open)
    .values(withdrawn_ms=bindparam("now_ms"))
)
_COUNT = Statement(
    sa.select(sa.func.count().label("consents")).where(
        _of_person, sa.or_(_is_open, consents.c.granted_ms > bindparam("since_ms"))
    )
)
_INSERT = Statement(consents.insert())
_open = _with_name.where(_of_person, consents.c.partner_id == bindparam("partner"), _is_open)
_OPEN = Statement(_open)
_HELD = Statement(_open.with_for_update(read=True, of=consents))
_LISTED = Statement(
    _with_name.where(
        _of_person,
        sa.or_(
            consents.c.granted_ms < bindparam("moment"),
            sa.and_(
                consents.c.granted_ms == bindparam("moment"), consents.c.consent_id < bindparam("consent")
            ),
        ),
    )
    .order_by(consents.c.granted_ms.desc(), consents.c.consent_id.desc())
    .limit(bindparam("limit"))
)

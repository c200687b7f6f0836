"""Partners in SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.credit.tables import partners
from services.identity.domain.credit.errors import PartnerUnknown
from services.identity.domain.credit.partners import Partner, PartnerId, PartnerKind
from services.identity.domain.errors import RequestIdReused
from services.identity.domain.people import StoredSecret
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement


class SqlPartnerStore:
    """`PartnerStore` over a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, partner: Partner, request_id: str) -> Partner:
        """See `PartnerStore.register`."""
        digest = request_digest(request_id)
        values = {
            "partner_id": partner.partner_id,
            "request_digest": digest,
            "name": partner.name,
            "kind": int(partner.kind),
            "secret_salt": partner.secret.salt,
            "secret_digest": partner.secret.digest,
            "secret_was_used": False,
            "registered_ms": partner.registered_ms,
            "suspended_ms": None,
            "queries_day": 0,
            "queries": 0,
        }

        def unit(connection: sa.Connection) -> Partner:
            row = _BY_REQUEST.first(connection, {"digest": digest})
            if row is None:
                _INSERT.run(connection, values)
                return partner
            kept = partner_of(row)
            if (kept.name, kept.kind) != (partner.name, partner.kind):
                raise RequestIdReused(request_id)
            return kept

        return await self._database.write(unit)

    async def find(self, partner_id: PartnerId) -> Partner | None:
        """See `PartnerStore.find`."""

        def unit(connection: sa.Connection) -> Partner | None:
            row = _FIND.first(connection, {"partner": partner_id})
            return None if row is None else partner_of(row)

        return await self._database.read(unit)

    async def listed(self, after: PartnerId, limit: int) -> Sequence[Partner]:
        """See `PartnerStore.listed`."""
        wanted = {"after": after, "limit": limit}
        return await self._database.read(
            lambda connection: [partner_of(row) for row in _LISTED.rows(connection, wanted)]
        )

    async def use_secret(self, partner_id: PartnerId) -> None:
        """See `PartnerStore.use_secret`."""
        await self._database.write(lambda connection: _USE_SECRET.run(connection, {"partner": partner_id}))

    async def suspend(self, partner_id: PartnerId, since_ms: int | None) -> Partner:
        """See `PartnerStore.suspend`."""

        def unit(connection: sa.Connection) -> Partner:
            row = _LOCK.first(connection, {"partner": partner_id})
            if row is None:
                raise PartnerUnknown(partner_id=partner_id)
            # Who is suspended stays so since then.
            if (row.suspended_ms is None) == (since_ms is None):
                return partner_of(row)
            _SUSPEND.run(connection, {"partner": partner_id, "since_ms": since_ms})
            return partner_of(_FIND.first(connection, {"partner": partner_id}))

        return await self._database.write(unit)


def partner_of(row: Row) -> Partner:
    """The partner that a row holds."""
    return Partner(
        PartnerId(row.partner_id),
        row.name,
        PartnerKind(row.kind),
        StoredSecret(row.secret_salt, row.secret_digest),
        row.registered_ms,
        row.suspended_ms,
        bool(row.secret_was_used),
    )


def request_digest(request_id: str) -> bytes:
    """What is kept of a request's id."""
    return hashlib.sha256(request_id.lower().encode()).digest()


_this = partners.c.partner_id == bindparam("partner")
_FIND = Statement(sa.select(partners).where(_this))
_LOCK = Statement(sa.select(partners).where(_this).with_for_update())
_BY_REQUEST = Statement(sa.select(partners).where(partners.c.request_digest == bindparam("digest")))
_INSERT = Statement(partners.insert())
_USE_SECRET = Statement(partners.update().where(_this).values(secret_was_used=True))
_SUSPEND = Statement(partners.update().where(_this).values(suspended_ms=bindparam("since_ms")))
_LISTED = Statement(
    sa.select(partners)
    .where(partners.c.partner_id > bindparam("after"))
    .order_by(partners.c.partner_id)
    .limit(bindparam("limit"))
)

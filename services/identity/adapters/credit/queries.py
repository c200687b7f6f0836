"""Queries of partners in SQL: what is told and that it was told are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.credit.consents import held_consents, open_consents
from services.identity.adapters.credit.facts import guests_of, resolved
from services.identity.adapters.credit.loans import exposure
from services.identity.adapters.credit.partners import partner_of, request_digest
from services.identity.adapters.credit.tables import partners, queries
from services.identity.domain.credit.errors import QueryLimitReached
from services.identity.domain.credit.partners import (
    Consent,
    Exposure,
    Outcome,
    PartnerId,
    Query,
    QueryId,
    Scope,
    day_left_ms,
    day_number,
    outcome_of,
)
from services.identity.domain.credit.ports import Asked
from services.identity.domain.credit.score import Score
from services.identity.domain.credit.signals import DAY_MS
from services.identity.domain.errors import RequestIdReused
from services.identity.domain.people import PersonId
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement


class SqlQueryStore:
    """`QueryStore` over a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def earlier(self, asked: Asked) -> Query | None:
        """See `QueryStore.earlier`."""
        return await self._database.read(lambda connection: _earlier(connection, asked))

    async def consents(self, partner_id: PartnerId, person_id: PersonId, now_ms: int) -> tuple[Consent, ...]:
        """See `QueryStore.consents`."""

        def unit(connection: sa.Connection) -> tuple[Consent, ...]:
            return open_consents(connection, partner_id, _real(connection, person_id), now_ms)

        return await self._database.read(unit)

    async def record(self, asked: Asked, score: Score | None, queries_max: int) -> Query:
        """See `QueryStore.record`."""

        def unit(connection: sa.Connection) -> Query:
            # From here on, queries of the partner wait for each other: the count of its day is exact.
            row = _LOCK_PARTNER.first(connection, {"partner": asked.partner.partner_id})
            assert row is not None, "partners are never removed"  # noqa: S101 - an invariant
            earlier = _earlier(connection, asked)
            if earlier is not None:
                return earlier
            _count(connection, row, asked.now_ms, queries_max)
            query = _decided(connection, replace(asked, partner=partner_of(row)), score)
            _INSERT.run(connection, _values(query, asked))
            return query

        return await self._database.write(unit)

    async def listed(self, person_id: PersonId, before: tuple[int, ...], limit: int) -> Sequence[Query]:
        """See `QueryStore.listed`."""

        def unit(connection: sa.Connection) -> list[Query]:
            real_id = _real(connection, person_id)
            wanted = {"person": real_id, "moment": before[0], "query": before[1], "limit": limit}
            return [_query(row) for row in _LISTED.rows(connection, wanted)]

        return await self._database.read(unit)


def _real(connection: sa.Connection, person_id: PersonId) -> PersonId:
    found = resolved(connection, person_id)
    return person_id if found is None else found[0]


def _earlier(connection: sa.Connection, asked: Asked) -> Query | None:
    digest = request_digest(asked.request_id)
    row = _BY_REQUEST.first(connection, {"partner": asked.partner.partner_id, "digest": digest})
    if row is None:
        return None
    query = _query(row)
    # By the number that was asked for: whether two of them are one person is nothing to tell a partner.
    if (query.scope, query.person_id) != (asked.scope, asked.person_id):
        raise RequestIdReused(asked.request_id)
    return query


def _count(connection: sa.Connection, row: Row, now_ms: int, queries_max: int) -> None:
    today = day_number(now_ms)
    asked_today = row.queries if row.queries_day == today else 0
    if asked_today >= queries_max:
        raise QueryLimitReached(
            retry_delay_ms=day_left_ms(now_ms),
            partner_id=row.partner_id,
            limit=queries_max,
            window_s=DAY_MS // 1000,
        )
    _COUNT.run(connection, {"partner": row.partner_id, "queries_day": today, "queries": asked_today + 1})


def _decided(connection: sa.Connection, asked: Asked, score: Score | None) -> Query:
    partner, now_ms = asked.partner, asked.now_ms
    number, person_id = asked.person_id, _real(connection, asked.person_id)
    consents = held_consents(connection, partner.partner_id, person_id, now_ms)
    outcome = outcome_of(partner, asked.scope, consents, now_ms)
    if outcome is Outcome.ANSWERED and asked.scope is Scope.SCORE and score is None:
        outcome = Outcome.CONSENT_MISSING  # It came after the look.
    query = Query(asked.query_id, partner.partner_id, partner.name, number, asked.scope, outcome, now_ms)
    if outcome is not Outcome.ANSWERED:
        return query
    if score is not None:
        return replace(query, score=score.score, computed_ms=score.computed_ms)
    return replace(query, exposure=exposure(connection, person_id, partner.partner_id))


def _values(query: Query, asked: Asked) -> dict[str, Any]:
    owed = query.exposure or Exposure(0, 0, 0, 0)
    return {
        "query_id": query.query_id,
        "person_id": query.person_id,
        "partner_id": query.partner_id,
        "request_digest": request_digest(asked.request_id),
        "scope": int(query.scope),
        "outcome": int(query.outcome),
        "asked_ms": query.asked_ms,
        "score": query.score,
        "computed_ms": query.computed_ms,
        "open_loans": owed.open_loans,
        "owed_fen": owed.owed_fen,
        "own_open_loans": owed.own_open_loans,
        "own_owed_fen": owed.own_owed_fen,
    }


def _query(row: Row) -> Query:
    scope, outcome = Scope(row.scope), Outcome(row.outcome)
    is_exposure = scope is Scope.EXPOSURE and outcome is Outcome.ANSWERED
    owed = Exposure(row.open_loans, row.owed_fen, row.own_open_loans, row.own_owed_fen)
    return Query(
        QueryId(row.query_id),
        PartnerId(row.partner_id),
        row.name,
        PersonId(row.person_id),
        scope,
        outcome,
        row.asked_ms,
        row.score,
        row.computed_ms,
        owed if is_exposure else None,
    )


_with_name = sa.select(queries, partners.c.name).join_from(queries, partners)
_LOCK_PARTNER = Statement(
    sa.select(partners).where(partners.c.partner_id == bindparam("partner")).with_for_update()
)
_COUNT = Statement(partners.update().where(partners.c.partner_id == bindparam("partner")))
_BY_REQUEST = Statement(
    _with_name.where(
        queries.c.partner_id == bindparam("partner"), queries.c.request_digest == bindparam("digest")
    )
)
_INSERT = Statement(queries.insert())
_LISTED = Statement(
    _with_name.where(
        sa.or_(
            queries.c.person_id == bindparam("person"),
            queries.c.person_id.in_(guests_of(bindparam("person"))),
        ),
        sa.or_(
            queries.c.asked_ms < bindparam("moment"),
            sa.and_(queries.c.asked_ms == bindparam("moment"), queries.c.query_id < bindparam("query")),
        ),
    )
    .order_by(queries.c.asked_ms.desc(), queries.c.query_id.desc())
    .limit(bindparam("limit"))
)

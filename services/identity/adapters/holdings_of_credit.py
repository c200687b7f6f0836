"""What credit keeps of people. Open loans stay until they are paid back, under a mere number."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.credit.facts import guests_of
from services.identity.adapters.credit.tables import conducts, consents, queries, scores
from services.identity.adapters.holdings import Erased, Holding
from services.identity.adapters.holdings_of_accounts import moment
from services.identity.domain.people import PersonId
from services.identity.domain.privacy.erasures import DataCategory
from services.mesh.database.statement import Statement


def agreed() -> Holding:
    """Consents to partners: without one, nobody is told anything any more."""

    def erase(connection: sa.Connection, person_id: PersonId, _now_ms: int) -> Erased:
        count = len(_CONSENTS.rows(connection, {"person": person_id}))
        _DELETE_CONSENTS.run(connection, {"person": person_id})
        return Erased(count)

    def show(connection: sa.Connection, person_id: PersonId) -> Any:
        return [
            {
                "partner_id": str(row.partner_id),
                "granted_at": moment(row.granted_ms),
                "ends_at": moment(row.ends_ms),
            }
            for row in _CONSENTS.rows(connection, {"person": person_id})
        ]

    return Holding(DataCategory.CONSENTS, erase_person=erase, show_person=show)


def scored() -> Holding:
    """Scores, what they were computed from, and what partners were told."""

    def erase(connection: sa.Connection, person_id: PersonId, _now_ms: int) -> Erased:
        count = len(_SCORES.rows(connection, {"person": person_id}))
        for statement in _DELETE_REST:
            statement.run(connection, {"person": person_id})
        return Erased(count)

    def show(connection: sa.Connection, person_id: PersonId) -> Any:
        return [
            {"score": row.score, "computed_at": moment(row.computed_ms)}
            for row in _SCORES.rows(connection, {"person": person_id})
        ]

    return Holding(DataCategory.CREDIT, erase_person=erase, show_person=show)


_CONSENTS = Statement(
    sa.select(consents.c.partner_id, consents.c.granted_ms, consents.c.ends_ms)
    .where(consents.c.person_id == bindparam("person"))
    .order_by(consents.c.granted_ms, consents.c.consent_id)
)
_SCORES = Statement(
    sa.select(scores.c.score, scores.c.computed_ms)
    .where(scores.c.person_id == bindparam("person"))
    .order_by(scores.c.version)
)
_DELETE_CONSENTS = Statement(consents.delete().where(consents.c.person_id == bindparam("person")))
# Also what came to be known of them as guests: it is counted as theirs.
_DELETE_REST = tuple(
    Statement(
        table.delete().where(
            sa.or_(
                table.c.person_id == bindparam("person"),
                table.c.person_id.in_(guests_of(bindparam("person"))),
            )
        )
    )
    for table in (scores, conducts, queries)
)

"""Rows of invitations, and the statements that several rooms of theirs use."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Row, Statement
from services.social.adapters.invitations.tables import acceptances, verified
from services.social.domain.invitations.invitation import Acceptance, CampaignId, Code, State
from services.social.domain.relation import PersonId


def acceptance(row: Row) -> Acceptance:
    """An acceptance as the rules have it."""
    return Acceptance(
        invited=PersonId(row.invited_person_id),
        campaign_id=CampaignId(row.campaign_id),
        code=Code(row.code),
        inviting=PersonId(row.inviting_person_id),
        state=State(row.state),
        accepted_ms=row.accepted_ms,
        ended_ms=row.ended_ms,
    )


def values(known: Acceptance) -> dict[str, Any]:
    """The inverse."""
    return {
        "invited_person_id": known.invited,
        "campaign_id": known.campaign_id,
        "code": known.code,
        "inviting_person_id": known.inviting,
        "state": int(known.state),
        "accepted_ms": known.accepted_ms,
        "ended_ms": known.ended_ms,
    }


def is_verified(connection: sa.Connection, person: PersonId) -> bool:
    """Whether identity said that a real person stands behind the number."""
    return _VERIFIED.first(connection, {"person": person}) is not None


_VERIFIED = Statement(sa.select(verified.c.person_id).where(verified.c.person_id == bindparam("person")))
INSERT_ACCEPTANCE = Statement(acceptances.insert())

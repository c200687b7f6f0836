"""Verified people without an account, whose data waits for its end."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.privacy_tables import ended_people
from services.identity.domain.people import PersonId
from services.mesh.database.statement import Statement


def come_back(connection: sa.Connection, person_id: PersonId) -> None:
    """Whoever has an account again is a customer again: nothing of theirs is to be purged."""
    _COME_BACK.run(connection, {"person": person_id})


_COME_BACK = Statement(ended_people.delete().where(ended_people.c.person_id == bindparam("person")))

"""Who turned out to be whom: what is asked under an earlier number is answered for the person behind it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Statement
from services.social.adapters.tables import schema
from services.social.domain.people import PersonsMerged
from services.social.domain.relation import PersonId

merges = sa.Table(
    "social_merges",
    schema,
    # The provisional person. Integers of SQLite have 64 bits.
    sa.Column(
        "provisional_person_id",
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("person_id", sa.BigInteger, nullable=False),
    # When it took effect here, milliseconds since the Unix epoch.
    sa.Column("merged_ms", sa.BigInteger, nullable=False),
    # Recent ones are looked at again.
    sa.Index("social_merges_by_time", "merged_ms"),
)


def record_merge(connection: sa.Connection, merge: PersonsMerged, now_ms: int) -> None:
    """From here on the provisional person is the other one. A person is merged at most once."""
    values = {"provisional_person_id": merge.provisional, "person_id": merge.person, "merged_ms": now_ms}
    _INSERT.run(connection, values)


def two_now(connection: sa.Connection, one: PersonId, other: PersonId) -> tuple[PersonId, PersonId]:
    """Who the two are now."""
    rows = _OF_TWO.rows(connection, {"one": one, "other": other})
    if not rows:
        return one, other
    known = {row.provisional_person_id: PersonId(row.person_id) for row in rows}
    return known.get(one, one), known.get(other, other)


def now_of(connection: sa.Connection, people: Iterable[PersonId]) -> Mapping[PersonId, PersonId]:
    """Those of the people who turned out to be others, and who they are now."""
    if _ANY.first(connection, {}) is None:
        return {}
    rows = _OF_MANY[connection.dialect.name].rows(connection, {"people": json.dumps(sorted(set(people)))})
    return {PersonId(row.provisional_person_id): PersonId(row.person_id) for row in rows}


def recent_merges(connection: sa.Connection, since_ms: int, limit: int) -> list[PersonsMerged]:
    """At most so many merges that took effect at a moment or later, the newest first."""
    rows = _RECENT.rows(connection, {"since_ms": since_ms, "limit": limit})
    return [PersonsMerged(PersonId(row.provisional_person_id), PersonId(row.person_id)) for row in rows]


_INSERT = Statement(merges.insert())
_ANY = Statement(sa.select(merges.c.person_id).limit(1))
_OF_TWO = Statement(
    sa.select(merges.c.provisional_person_id, merges.c.person_id).where(
        sa.or_(
            merges.c.provisional_person_id == bindparam("one"),
            merges.c.provisional_person_id == bindparam("other"),
        )
    )
)
_RECENT = Statement(
    sa.select(merges.c.provisional_person_id, merges.c.person_id)
    .where(merges.c.merged_ms >= bindparam("since_ms"))
    .order_by(merges.c.merged_ms.desc())
    .limit(bindparam("limit"))
)
# The numbers come as a table, so that each is one look at the key.
_OF_MANY = {
    "sqlite": Statement(
        sa.text(
            "SELECT merge.provisional_person_id, merge.person_id FROM json_each(:people) AS wanted"
            " CROSS JOIN social_merges AS merge ON merge.provisional_person_id = wanted.value"
        )
    ),
    "postgresql": Statement(
        sa.text(
            "SELECT merge.provisional_person_id, merge.person_id"
            " FROM json_array_elements_text(CAST(:people AS json)) AS wanted(number)"
            " JOIN social_merges AS merge ON merge.provisional_person_id = CAST(wanted.number AS BIGINT)"
        )
    ),
}

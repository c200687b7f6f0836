"""Tables of cases beyond `identity_cases`, which is older: where each stands, and what was written to it."""

from __future__ import annotations

import sqlalchemy as sa

from services.identity.adapters.tables import cases, schema
from services.identity.domain.cases.case import CaseState

_ENDED = f"({int(CaseState.RESOLVED)}, {int(CaseState.ANSWERED)})"

case_desk = sa.Table(
    "identity_case_desk",
    schema,
    sa.Column("case_number", sa.ForeignKey(cases.c.case_number), primary_key=True),
    # As in `cases`: the queue is read in this order.
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("operator", sa.String(40), nullable=False),
    sa.Column("note_count", sa.Integer, nullable=False),
    sa.Column("outcome", sa.SmallInteger, nullable=True),
    sa.Column("words_sealed", sa.LargeBinary, nullable=True),
    sa.Column("ended_ms", sa.BigInteger, nullable=True),
    # No case ends without an answer, whoever writes it.
    sa.CheckConstraint(
        f"(state IN {_ENDED} AND outcome IS NOT NULL AND ended_ms IS NOT NULL)"
        f" OR (state NOT IN {_ENDED} AND outcome IS NULL AND ended_ms IS NULL)",
        name="identity_case_desk_answered",
    ),
)

sa.Index(
    "identity_case_desk_queue",
    case_desk.c.opened_ms,
    case_desk.c.case_number,
    sqlite_where=case_desk.c.ended_ms.is_(None),
    postgresql_where=case_desk.c.ended_ms.is_(None),
)

case_notes = sa.Table(
    "identity_case_notes",
    schema,
    sa.Column("case_number", sa.ForeignKey(cases.c.case_number), primary_key=True),
    # From 1, without gaps.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("author", sa.SmallInteger, nullable=False),
    sa.Column("text_sealed", sa.LargeBinary, nullable=False),
    sa.Column("photo_reference", sa.String(64), nullable=False),
    sa.Column("added_ms", sa.BigInteger, nullable=False),
    sa.Column("request_digest", sa.LargeBinary(32), nullable=False),
    sa.Column("input_fingerprint", sa.LargeBinary(32), nullable=False),
    sa.UniqueConstraint("case_number", "request_digest"),
)

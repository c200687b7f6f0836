"""Who leads groups, and who is invited into them. Groups and their members are in `tables`."""

from __future__ import annotations

import sqlalchemy as sa

from services.social.adapters.tables import schema

admins = sa.Table(
    "social_group_admins",
    schema,
    # Members who are admins; the owner is in the group's row.
    sa.Column("group_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

invitations = sa.Table(
    "social_group_invitations",
    schema,
    # One for each (group, person). Whoever invites next takes away what has expired in the group.
    sa.Column("group_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("inviting_person_id", sa.BigInteger, nullable=False),
    # `Answer`.
    sa.Column("answer", sa.SmallInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Index("social_group_invitations_of_person", "person_id", "group_id"),
    sqlite_with_rowid=False,
)

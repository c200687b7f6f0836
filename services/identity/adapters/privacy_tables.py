"""Tables of erasures. They name nobody, and stay."""

from __future__ import annotations

import sqlalchemy as sa

from services.identity.adapters.tables import accounts, schema

erasures = sa.Table(
    "identity_erasures",
    schema,
    sa.Column("account_id", sa.ForeignKey(accounts.c.account_id), primary_key=True, autoincrement=False),
    # Who was verified behind it.
    sa.Column("person_id", sa.BigInteger, nullable=True),
    sa.Column("requested_ms", sa.BigInteger, nullable=False),
)

removed_data = sa.Table(
    "identity_removed_data",
    schema,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # `DataCategory`.
    sa.Column("category", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("removed_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

ended_people = sa.Table(
    "identity_ended_people",
    schema,
    # Verified people without an account. Whoever comes back is taken out of it.
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ended_ms", sa.BigInteger, nullable=False),
    sa.Column("kept_until_ms", sa.BigInteger, nullable=False),
    sa.Column("purged_ms", sa.BigInteger, nullable=True),
)

sa.Index(
    "identity_ended_people_due",
    ended_people.c.kept_until_ms,
    sqlite_where=ended_people.c.purged_ms.is_(None),
    postgresql_where=ended_people.c.purged_ms.is_(None),
)

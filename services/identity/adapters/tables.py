"""Tables of identity, the same in SQLite and PostgreSQL. Columns that end in `_sealed` hold personal data."""

from __future__ import annotations

import sqlalchemy as sa

# SQLite keeps a row under its INTEGER key directly, which saves an index; its integers have 64 bits anyway.
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

schema = sa.MetaData()

people = sa.Table(
    "identity_people",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    # The one place that makes a resident ID belong to one person.
    sa.Column("resident_fingerprint", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("resident_id_sealed", sa.LargeBinary, nullable=False),
    sa.Column("name_sealed", sa.LargeBinary, nullable=False),
    sa.Column("tier", sa.SmallInteger, nullable=False),
)

accounts = sa.Table(
    "identity_accounts",
    schema,
    sa.Column("account_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("request_digest", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("input_fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("phone_sealed", sa.LargeBinary, nullable=False),
    sa.Column("display_name_sealed", sa.LargeBinary, nullable=False),
    sa.Column("secret_salt", sa.LargeBinary(16), nullable=False),
    sa.Column("secret_digest", sa.LargeBinary(32), nullable=False),
    sa.Column("secret_was_used", sa.Boolean, nullable=False),
    sa.Column("registered_ms", sa.BigInteger, nullable=False),
    sa.Column("person_id", sa.ForeignKey(people.c.person_id), nullable=True),
    sa.Column("verified_ms", sa.BigInteger, nullable=True),
)

cases = sa.Table(
    "identity_cases",
    schema,
    sa.Column("case_number", sa.String(16), primary_key=True),
    sa.Column("account_id", sa.ForeignKey(accounts.c.account_id), nullable=False, index=True),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    # Of the reason and what was typed: a repeat belongs to the same case.
    sa.Column("check_fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("counts", sa.Boolean, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("failed_ms", sa.BigInteger, nullable=False),
    sa.Column("resolved_ms", sa.BigInteger, nullable=True),
)

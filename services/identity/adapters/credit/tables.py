"""Tables of credit. Partners' names are no personal data; neither are numbers of people and of loans."""

from __future__ import annotations

import sqlalchemy as sa

from services.identity.adapters.tables import schema

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

scores = sa.Table(
    "identity_credit_scores",
    schema,
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("score", sa.SmallInteger, nullable=False),
    sa.Column("rules_version", sa.Integer, nullable=False),
    sa.Column("computed_ms", sa.BigInteger, nullable=False),
    # JSON, see `scores.py`: what each factor added, and what all was computed from.
    sa.Column("factors", sa.Text, nullable=False),
    sa.Column("signals", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

conducts = sa.Table(
    "identity_credit_conducts",
    schema,
    sa.Column("conduct_id", sa.String(40), primary_key=True),
    sa.Column("person_id", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("judged_ms", sa.BigInteger, nullable=False),
    sa.Index("identity_credit_conducts_of_person", "person_id", "judged_ms"),
    sa.Index("identity_credit_conducts_by_time", "judged_ms"),
)

partners = sa.Table(
    "identity_credit_partners",
    schema,
    sa.Column("partner_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("request_digest", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("secret_salt", sa.LargeBinary(16), nullable=False),
    sa.Column("secret_digest", sa.LargeBinary(32), nullable=False),
    sa.Column("secret_was_used", sa.Boolean, nullable=False),
    sa.Column("registered_ms", sa.BigInteger, nullable=False),
    sa.Column("suspended_ms", sa.BigInteger, nullable=True),
    # How many queries there were on which day: each query holds this row until its commit.
    sa.Column("queries_day", sa.Integer, nullable=False),
    sa.Column("queries", sa.Integer, nullable=False),
)

consents = sa.Table(
    "identity_credit_consents",
    schema,
    sa.Column("consent_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, nullable=False),
    sa.Column("partner_id", sa.ForeignKey(partners.c.partner_id), nullable=False),
    sa.Column("request_digest", sa.LargeBinary(32), nullable=False),
    # Bit n - 1 for scope n.
    sa.Column("scopes", sa.SmallInteger, nullable=False),
    sa.Column("granted_ms", sa.BigInteger, nullable=False),
    sa.Column("ends_ms", sa.BigInteger, nullable=False),
    sa.Column("withdrawn_ms", sa.BigInteger, nullable=True),
    sa.UniqueConstraint("person_id", "request_digest"),
    sa.Index("identity_credit_consents_of_person", "person_id", "granted_ms", "consent_id"),
    sa.Index("identity_credit_consents_by_end", "ends_ms"),
)

queries = sa.Table(
    "identity_credit_queries",
    schema,
    sa.Column("query_id", _Id, primary_key=True, autoincrement=False),
    # The number that was asked for, also a guest's who has been merged.
    sa.Column("person_id", sa.BigInteger, nullable=False),
    sa.Column("partner_id", sa.ForeignKey(partners.c.partner_id), nullable=False),
    sa.Column("request_digest", sa.LargeBinary(32), nullable=False),
    sa.Column("scope", sa.SmallInteger, nullable=False),
    sa.Column("outcome", sa.SmallInteger, nullable=False),
    sa.Column("asked_ms", sa.BigInteger, nullable=False),
    # What was told; 0 where nothing was.
    sa.Column("score", sa.SmallInteger, nullable=False),
    sa.Column("computed_ms", sa.BigInteger, nullable=False),
    sa.Column("open_loans", sa.Integer, nullable=False),
    sa.Column("owed_fen", sa.BigInteger, nullable=False),
    sa.Column("own_open_loans", sa.Integer, nullable=False),
    sa.Column("own_owed_fen", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("partner_id", "request_digest"),
    sa.Index("identity_credit_queries_about_person", "person_id", "asked_ms", "query_id"),
    sa.Index("identity_credit_queries_by_time", "asked_ms"),
)

loans = sa.Table(
    "identity_credit_loans",
    schema,
    sa.Column("partner_id", sa.ForeignKey(partners.c.partner_id), primary_key=True, autoincrement=False),
    sa.Column("loan_number", sa.String(40), primary_key=True),
    sa.Column("person_id", sa.BigInteger, nullable=False),
    sa.Column("principal_fen", sa.BigInteger, nullable=False),
    sa.Column("owed_fen", sa.BigInteger, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    sa.Column("reported_ms", sa.BigInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("closed_ms", sa.BigInteger, nullable=True),
    sa.CheckConstraint("owed_fen >= 0 AND owed_fen <= principal_fen"),
    sa.Index("identity_credit_loans_of_person", "person_id", "state"),
    sa.Index("identity_credit_loans_closed", "closed_ms"),
)

repayments = sa.Table(
    "identity_credit_repayments",
    schema,
    sa.Column("partner_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("loan_number", sa.String(40), primary_key=True),
    sa.Column("repayment_number", sa.String(40), primary_key=True),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("repaid_ms", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount_fen > 0"),
)

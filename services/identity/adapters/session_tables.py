"""Tables of sessions, and of what followers have to know of those that were revoked."""

from __future__ import annotations

import sqlalchemy as sa

from services.identity.adapters.tables import schema

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

sessions = sa.Table(
    "identity_sessions",
    schema,
    sa.Column("session_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.BigInteger, nullable=False, index=True),
    # No token can be made of it without the service's key, and of that none without the salt.
    sa.Column("salt", sa.LargeBinary(16), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("made_for", sa.LargeBinary(32), nullable=True),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("refreshed_ms", sa.BigInteger, nullable=False),
    sa.Column("ends_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("access_ends_ms", sa.BigInteger, nullable=False),
    sa.Column("revoked_ms", sa.BigInteger, nullable=True),
    sa.Column("ending", sa.SmallInteger, nullable=True),
)

revocations = sa.Table(
    "identity_revocations",
    schema,
    sa.Column("seq", _Id, primary_key=True, autoincrement=False),
    sa.Column("session_id", sa.BigInteger, nullable=False),
    sa.Column("ends_ms", sa.BigInteger, nullable=False, index=True),
)

revocation_head = sa.Table(
    "identity_revocation_head",
    schema,
    # Always 0: there is one list.
    sa.Column("head", sa.SmallInteger, primary_key=True, autoincrement=False),
    # The newest revocation's number. Whoever adds one holds this row until the commit, so that numbers become
    # visible in their order.
    sa.Column("seq", sa.BigInteger, nullable=False),
)

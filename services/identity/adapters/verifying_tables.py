"""Tables of verification step by step. Columns that end in `_sealed` hold personal data."""

from __future__ import annotations

import sqlalchemy as sa

from services.identity.adapters.tables import accounts, schema

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

applications = sa.Table(
    "identity_applications",
    schema,
    sa.Column("verification_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.ForeignKey(accounts.c.account_id), nullable=False),
    # The account as long as the application is open: there is one at most. Nulls differ.
    sa.Column("open_account_id", sa.BigInteger, nullable=True, unique=True),
    sa.Column("level", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("submissions_max", sa.Integer, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("evidence_count", sa.Integer, nullable=False),
    sa.Column("edited", sa.Boolean, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("submitted_ms", sa.BigInteger, nullable=True),
    sa.Column("ended_ms", sa.BigInteger, nullable=True),
    sa.Index("identity_applications_of_account", "account_id", "started_ms"),
)

steps = sa.Table(
    "identity_application_steps",
    schema,
    sa.Column("verification_id", sa.ForeignKey(applications.c.verification_id), primary_key=True),
    # In the order in which people are asked.
    sa.Column("place", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("ordinal", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    # What was typed, as JSON; null when nothing was, and when it is not needed any more.
    sa.Column("typed_sealed", sa.LargeBinary, nullable=True),
    # Photos: their number, and what is known of them without looking at them.
    sa.Column("photo_id", sa.BigInteger, nullable=True),
    sa.Column("photo_type", sa.SmallInteger, nullable=True),
    sa.Column("photo_width", sa.Integer, nullable=True),
    sa.Column("photo_height", sa.Integer, nullable=True),
    sa.Column("photo_digest", sa.LargeBinary(32), nullable=True),
    sa.Column("masked", sa.String(32), nullable=False),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("failed_step", sa.String(32), nullable=False),
    sa.Column("case_number", sa.String(16), nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

questions = sa.Table(
    "identity_provider_questions",
    schema,
    sa.Column("reference", sa.String(64), primary_key=True),
    sa.Column("verification_id", sa.ForeignKey(applications.c.verification_id), nullable=False, index=True),
    # In the order in which they arose.
    sa.Column("place", sa.SmallInteger, nullable=False),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("ordinal", sa.SmallInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    # The same as `due_ms` while somebody should ask, else null: what is due is found by one short index.
    sa.Column("open_due_ms", sa.BigInteger, nullable=True, index=True),
    sa.Column("result", sa.SmallInteger, nullable=True),
    sa.Column("result_ms", sa.BigInteger, nullable=True),
    sa.Column("counted", sa.Boolean, nullable=False),
    sa.Column("contradictions", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

loose_photos = sa.Table(
    "identity_loose_photos",
    schema,
    # Photos that nothing refers to: about to be kept, replaced, or of an application that was rejected.
    sa.Column("photo_id", _Id, primary_key=True, autoincrement=False),
    # They are removed then, from where photos are kept, and with them their keys.
    sa.Column("remove_ms", sa.BigInteger, nullable=False, index=True),
)

"""Tables of identity, the same in SQLite and PostgreSQL. Columns that end in `_sealed` hold personal data."""

from __future__ import annotations

import sqlalchemy as sa

from services.mesh.keys.tables import key_tables

# SQLite keeps a row under its INTEGER key directly, which saves an index; its integers have 64 bits anyway.
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

schema = sa.MetaData()

data_keys_of_identity = key_tables(schema, "identity")

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
    sa.Index("identity_accounts_of_person", "person_id"),
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

# Kept after somebody is verified: a merged account shows who it was, and the number is never drawn again.
provisional_people = sa.Table(
    "identity_provisional_people",
    schema,
    sa.Column("account_id", sa.ForeignKey(accounts.c.account_id), primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

bank_cards = sa.Table(
    "identity_bank_cards",
    schema,
    sa.Column("card_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.ForeignKey(people.c.person_id), nullable=False),
    sa.Column("bank_code", sa.String(8), nullable=False),
    # What tells who the card is is erased when it is taken away.
    sa.Column("number_fingerprint", sa.LargeBinary(32), nullable=True),
    sa.Column("number_sealed", sa.LargeBinary, nullable=True),
    sa.Column("phone_sealed", sa.LargeBinary, nullable=True),
    sa.Column("bound_ms", sa.BigInteger, nullable=False),
    sa.Column("unbound_ms", sa.BigInteger, nullable=True),
    # Also how a person's cards are found. Those taken away have no fingerprint, and nulls differ.
    sa.UniqueConstraint("person_id", "number_fingerprint"),
)

bank_channels = sa.Table(
    "identity_bank_channels",
    schema,
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("bank_code", sa.String(8), primary_key=True),
    sa.Column("confirmed_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

person_events = sa.Table(
    "identity_person_events",
    schema,
    sa.Column("seq", _Id, primary_key=True, autoincrement=False),
    # The lowest ten bits of the person's hash: the shard among any number of them.
    sa.Column("bucket", sa.SmallInteger, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("trace_context", sa.String(64), nullable=False),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("person_id", sa.BigInteger, nullable=False),
    # The others are set where the kind has them.
    sa.Column("into_person_id", sa.BigInteger, nullable=True),
    sa.Column("tier", sa.SmallInteger, nullable=True),
    sa.Column("card_id", sa.BigInteger, nullable=True),
    sa.Column("number_masked", sa.String(8), nullable=True),
    sa.Column("bank_name", sa.String(32), nullable=True),
)

feed_head = sa.Table(
    "identity_feed_head",
    schema,
    # Always 0: there is one feed.
    sa.Column("feed", sa.SmallInteger, primary_key=True, autoincrement=False),
    # The newest event's number. Whoever adds an event holds this row until the commit: numbers become visible
    # in their order, and one that was taken and rolled back is taken again.
    sa.Column("seq", sa.BigInteger, nullable=False),
)

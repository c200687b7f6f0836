"""Tables of invitations, the same in SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

from services.social.adapters.tables import schema

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CAMPAIGN_CHARACTERS = 40
_CODE_CHARACTERS = 12

invitations = sa.Table(
    "social_invitations",
    schema,
    sa.Column("code", sa.String(_CODE_CHARACTERS), primary_key=True),
    # The real person where a provisional one turned out to be somebody known: then one may have several.
    sa.Column("inviting_person_id", sa.BigInteger, nullable=False),
    sa.Column("campaign_id", sa.String(_CAMPAIGN_CHARACTERS), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    # Counted along with every acceptance, because the limit is checked at each.
    sa.Column("accepted_count", sa.Integer, nullable=False),
    sa.Index("social_invitations_of_person", "inviting_person_id", "campaign_id"),
    sqlite_with_rowid=False,
)

inviters = sa.Table(
    "social_inviters",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    # Campaigns to which the person invites. Whoever makes an invitation holds this row until the commit.
    sa.Column("campaigns", sa.Integer, nullable=False),
)

acceptances = sa.Table(
    "social_invited",
    schema,
    # One of each person for each campaign.
    sa.Column("invited_person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("campaign_id", sa.String(_CAMPAIGN_CHARACTERS), primary_key=True),
    sa.Column("code", sa.String(_CODE_CHARACTERS), nullable=False),
    sa.Column("inviting_person_id", sa.BigInteger, nullable=False),
    # `State`.
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("accepted_ms", sa.BigInteger, nullable=False),
    # 0 while it waits.
    sa.Column("ended_ms", sa.BigInteger, nullable=False),
    sa.Index("social_invited_by_person", "inviting_person_id", "campaign_id", "invited_person_id"),
    sqlite_with_rowid=False,
)

rewards = sa.Table(
    "social_invitation_rewards",
    schema,
    # Two people earn once with each other, in whichever campaign. Both are verified: neither becomes another.
    sa.Column("low_person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("high_person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

verified = sa.Table(
    "social_verified_people",
    schema,
    # Everybody of whom identity said so.
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
)

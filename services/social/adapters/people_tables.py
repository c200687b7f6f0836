"""How far identity's feed of people has taken effect here."""

from __future__ import annotations

import sqlalchemy as sa

from services.social.adapters.tables import schema

people_cursors = sa.Table(
    "social_people_cursors",
    schema,
    # Who follows the feed: "relations", or a subject with a database of its own.
    sa.Column("reader", sa.String(32), primary_key=True),
    # The last record that has taken effect. Whoever applies records holds this row until the commit.
    sa.Column("seq", sa.BigInteger, nullable=False),
)

"""The place of every record in its shard's hash chain; empty in records from before, and without a chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v002_journal_digests"
down_revision = "v001_journal"


def upgrade() -> None:
    """Adds the column. A constant default: no database has to rewrite its rows for it."""
    op.add_column(
        "journal_records",
        sa.Column("digest", sa.LargeBinary, nullable=False, server_default=sa.text("''")),
        if_not_exists=True,
    )

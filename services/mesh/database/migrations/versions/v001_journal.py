"""The tables of journals. Databases from before there were migrations have them already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v001_journal"
down_revision = None


def upgrade() -> None:
    """Creates what is missing."""
    op.create_table(
        "journal_heads",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("last_commit", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", "shard"),
        if_not_exists=True,
    )
    op.create_table(
        "journal_records",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("trace_context", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("service", "shard", "seq"),
        if_not_exists=True,
    )
    op.create_table(
        "journal_snapshots",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("service", "shard"),
        if_not_exists=True,
    )

"""What settlement's statements are read from: a read model that can be made again from the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v003_statements"
down_revision = "v002_journal_digests"


def upgrade() -> None:
    """Creates what is missing. Wide columns come first, so that rows have no gaps."""
    op.create_table(
        "ledger_entries",
        sa.Column("account", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("run", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("line", sa.Integer, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("run", "account", "seq", "line"),
        if_not_exists=True,
    )
    op.create_table(
        "ledger_movements",
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("source_seq", sa.BigInteger, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("line", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("code", sa.SmallInteger, nullable=False),
        sa.Column("phase", sa.SmallInteger, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in (
                *("debit", "credit", "onward", "campaign_id"),
                *("transfer_id", "pending_id", "source_reference", "source"),
            )
        ),
        sa.PrimaryKeyConstraint("shard", "seq", "line"),
        if_not_exists=True,
    )
    op.create_table(
        "ledger_runs",
        sa.Column("run", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("first_time_ms", sa.BigInteger, nullable=False),
        sa.Column("last_time_ms", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run"),
        if_not_exists=True,
    )
    op.create_table(
        "ledger_run_totals",
        sa.Column("account", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("run", sa.Integer, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("account", "run"),
        if_not_exists=True,
    )
    op.create_table(
        "ledger_cursors",
        sa.Column("shard", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("run_entries", sa.BigInteger, nullable=False),
        sa.Column("layout", sa.Integer, nullable=False),
        sa.Column("mark", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("shard"),
        if_not_exists=True,
    )

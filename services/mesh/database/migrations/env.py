"""What Alembic runs for every migration; `services/mesh/database/migration.py` is what calls Alembic.

With a connection the migrations run on it, each in a transaction of its own. Without one they are written out
as SQL, for databases whose tables only an administrator may change.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context


def _run() -> None:
    connection: sa.Connection | None = context.config.attributes.get("connection")
    if connection is None:
        context.configure(dialect_name="postgresql", transaction_per_migration=True)
    else:
        context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


_run()

"""Brings the tables of a PostgreSQL database up to date, whoever else is about to do the same.

Loading Alembic takes longer than everything else that a process does at its start, so this is imported only
where there is something to do.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from services.mesh.database.versions import MIGRATIONS, MigrationFailed, is_current

LOCK_WAIT_MS = 60_000
"""How long a process waits for another one that migrates, milliseconds."""
STATEMENT_WAIT_MS = 10_000
"""How long a step waits for a table that others use, milliseconds: whoever comes after it waits behind it."""
LOCK_TABLE_ATTEMPTS_MAX = 5

_one_at_a_time = threading.Lock()
"""Alembic keeps what it is doing in variables of its modules."""


def migrate(url: str) -> str | None:
    """Runs the migrations that a database lacks; returns the version that it had before, None for none.

    Safe to be called by several threads and processes at once. Raises `MigrationFailed`.
    """
    try:
        engine = sa.create_engine(_driver_url(url), poolclass=sa.NullPool)
        with _one_at_a_time, _held_lock(engine):
            version = _version(engine)
            if not is_current(version):
                _upgrade(engine)
    except sa.exc.SQLAlchemyError as failure:
        # The driver's own words, without the statement that SQLAlchemy adds to them.
        cause = str(getattr(failure, "orig", failure)).strip().partition("\n")[0]
        raise MigrationFailed(f"cannot bring the tables up to date: {cause}") from failure
    return version


def migration_sql() -> str:
    """All migrations as SQL, from an empty database on, for administrators who run them by hand."""
    written = io.StringIO()
    with _one_at_a_time:
        command.upgrade(_config(output=written), "head", sql=True)
    return written.getvalue()


def _upgrade(engine: sa.Engine) -> None:
    config = _config()
    with engine.connect() as connection:
        connection.execute(sa.text(f"SET lock_timeout = {STATEMENT_WAIT_MS}"))
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _held_lock(engine: sa.Engine) -> Iterator[None]:
    """Holds the row that whoever migrates must hold. The database lets go of it when this process dies."""
    _create_lock(engine)
    with engine.connect() as connection, connection.begin():
        connection.execute(sa.text(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}"))
        connection.execute(sa.text("SELECT id FROM migration_lock WHERE id = 1 FOR UPDATE"))
        yield


def _create_lock(engine: sa.Engine) -> None:
    for attempt in range(1, LOCK_TABLE_ATTEMPTS_MAX + 1):
        try:
            with engine.begin() as connection:
                connection.execute(sa.text("CREATE TABLE IF NOT EXISTS migration_lock (id INT PRIMARY KEY)"))
            with engine.begin() as connection:
                connection.execute(
                    sa.text("INSERT INTO migration_lock (id) VALUES (1) ON CONFLICT (id) DO NOTHING")
                )
        except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
            # IF NOT EXISTS does not save two sessions that create the same table at the same moment from
            # each other in the catalogue; the other one has created it then.
            if attempt == LOCK_TABLE_ATTEMPTS_MAX:
                raise
        else:
            return


def _version(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _driver_url(url: str) -> str:
    return "postgresql+psycopg://" + url.split("://", 1)[1]

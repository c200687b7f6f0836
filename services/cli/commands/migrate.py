"""`hongbao migrate`: brings the tables of journals up to date before the services do."""

from __future__ import annotations

from services.cli.console import CONSOLE, Refusal
from services.mesh.shards.groups import ShardGroups

OUR_SQLITE = "a journal in a SQLite file is brought up to date by whoever opens it; there is nothing to run"


def migrate_databases(groups: ShardGroups) -> None:
    """Runs the migrations that each database lacks, one line each. Raises `Refusal`."""
    from services.mesh.database.migration import migrate  # noqa: PLC0415 - other commands need not wait for it
    from services.mesh.database.versions import MigrationFailed, known_versions  # noqa: PLC0415 - as above

    databases = [url for url in groups.urls() if not url.startswith("sqlite:")]
    if not databases:
        raise Refusal(OUR_SQLITE)
    for number, url in enumerate(databases, start=1):
        # Addresses may hold passwords, so databases are told apart by their place in the setting.
        name = "the database" if len(databases) == 1 else f"database {number} of {len(databases)}"
        try:
            before = migrate(url)
        except MigrationFailed as failure:
            raise Refusal(f"{name}: {failure}") from failure
        latest = known_versions()[-1]
        line = f"{name} is at {latest}"
        if before is None:
            line += ", it had no version before"
        elif before != latest:
            line = f"{name} was at {before}" + (f" and is at {latest}" if before in known_versions() else "")
        CONSOLE.print(line, markup=False, highlight=False, soft_wrap=True)


def print_migrations() -> None:
    """Prints all migrations as SQL."""
    from services.mesh.database.migration import migration_sql  # noqa: PLC0415 - as above

    CONSOLE.print(migration_sql(), markup=False, highlight=False, soft_wrap=True)

"""`hongbao migrate`: tables are made before services are started, or told as SQL."""

from __future__ import annotations

import psycopg
import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.console import Refusal
from services.mesh.database.versions import known_versions

LATEST = known_versions()[-1]


def test_every_database_of_the_groups_is_brought_up_to_date(postgres_urls: tuple[str, str]) -> None:
    one, other = postgres_urls
    first = CliRunner().invoke(app, ["migrate", "--url", one])
    assert first.exit_code == 0, first.output
    assert first.output == f"the database is at {LATEST}, it had no version before\n"
    both = CliRunner().invoke(app, ["migrate"], env={"HONGBAO_JOURNAL_URL": f"0-1={one},2-3={other}"})
    assert both.output.splitlines() == [
        f"database 1 of 2 is at {LATEST}",
        f"database 2 of 2 is at {LATEST}, it had no version before",
    ]


def test_the_sql_can_be_run_by_hand(postgres_url: str) -> None:
    printed = CliRunner().invoke(app, ["migrate", "--sql"])
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(printed.output.encode())
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert found == [(LATEST,)]
    assert (
        CliRunner().invoke(app, ["migrate", "--url", postgres_url]).output == f"the database is at {LATEST}\n"
    )


def test_files_need_no_migration_and_a_silent_database_is_one_line() -> None:
    with pytest.raises(Refusal, match="nothing to run"):
        CliRunner().invoke(app, ["migrate", "--url", "sqlite:somewhere"], catch_exceptions=False)
    with pytest.raises(Refusal, match="the database: cannot bring the tables up to date") as refused:
        CliRunner().invoke(
            app, ["migrate", "--url", "postgresql:///x?host=/nowhere-at-all"], catch_exceptions=False
        )
    assert "\n" not in refused.value.message
    gap = CliRunner().invoke(app, ["migrate", "--url", "0-1=sqlite:a,1=sqlite:b"])
    assert gap.exit_code == 2
    nowhere = CliRunner().invoke(app, ["migrate", "--url", "foo"])
    assert nowhere.exit_code == 2
    assert "shard 1 is in two groups" in gap.output

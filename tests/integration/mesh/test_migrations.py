"""Tables of journals in PostgreSQL come to be, and come up to date, whatever was there before."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from services.mesh.database.migration import migrate, migration_sql
from services.mesh.database.versions import MIGRATIONS, MigrationFailed, known_versions
from services.mesh.journal.port import Entry, Record
from services.mesh.journal.postgres import PostgresStore
from tests.integration.mesh.journal_adapters import EPOCH, journal_settings

_WITHOUT_VERSIONS = """
    CREATE TABLE journal_heads (
        service TEXT NOT NULL, shard INT NOT NULL, epoch BIGINT NOT NULL, last_seq BIGINT NOT NULL,
        last_commit TEXT NOT NULL, PRIMARY KEY (service, shard)
    );
    CREATE TABLE journal_records (
        service TEXT NOT NULL, shard INT NOT NULL, seq BIGINT NOT NULL, epoch BIGINT NOT NULL,
        time_ms BIGINT NOT NULL, trace_context TEXT NOT NULL, payload BYTEA NOT NULL,
        PRIMARY KEY (service, shard, seq)
    );
    CREATE TABLE journal_snapshots (
        service TEXT NOT NULL, shard INT NOT NULL, seq BIGINT NOT NULL, state BYTEA NOT NULL,
        PRIMARY KEY (service, shard)
    );
    INSERT INTO journal_heads VALUES ('toys', 0, 7, 1, 'some');
    INSERT INTO journal_records VALUES ('toys', 0, 1, 7, 1000, '', 'old');
"""
"""What the first release made, with one record."""


async def test_a_fresh_database_gets_all_tables(postgres_url: str) -> None:
    assert await _appended(postgres_url, after=0) == [Record(1, EPOCH, b"new", 2_000, "", b"link")]
    assert _version(postgres_url) == known_versions()[-1]


async def test_a_database_from_before_there_were_versions_keeps_its_records(postgres_url: str) -> None:
    _execute(postgres_url, _WITHOUT_VERSIONS)
    assert await _appended(postgres_url, after=0) == [
        Record(1, EPOCH, b"old", 1_000),
        Record(2, EPOCH, b"new", 2_000, "", b"link"),
    ]
    assert _version(postgres_url) == known_versions()[-1]


async def test_both_ways_end_with_the_same_tables(postgres_url: str) -> None:
    migrate(postgres_url)
    fresh = _columns(postgres_url)
    _execute(postgres_url, "DROP TABLE alembic_version, journal_heads, journal_records, journal_snapshots")
    _execute(postgres_url, _WITHOUT_VERSIONS)
    migrate(postgres_url)
    assert _columns(postgres_url) == fresh


def test_many_processes_that_start_at_once_migrate_once(postgres_url: str) -> None:
    program = "import sys; from services.mesh.database.migration import migrate; print(migrate(sys.argv[1]))"
    starts = [
        subprocess.Popen([sys.executable, "-c", program, postgres_url], stdout=subprocess.PIPE)  # noqa: S603 - ours
        for _ in range(3)
    ]
    found = sorted(start.communicate(timeout=60)[0].strip() for start in starts)
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert found == [b"None", *[known_versions()[-1].encode()] * 2]


async def test_several_stores_of_one_process_may_start_on_an_empty_database(postgres_url: str) -> None:
    stores = [PostgresStore(postgres_url, journal_settings()) for _ in range(4)]
    journals = await asyncio.gather(*(store.open("toys", shard) for shard, store in enumerate(stores)))
    assert [await journal.last_seq() for journal in journals] == [0, 0, 0, 0]
    for store in stores:
        await store.close()


async def test_tables_of_a_later_release_are_used_as_they_are(postgres_url: str) -> None:
    migrate(postgres_url)
    _execute(postgres_url, "UPDATE alembic_version SET version_num = 'v999_later'")
    assert await _appended(postgres_url, after=0)
    assert _version(postgres_url) == "v999_later"


def test_what_an_administrator_would_run_by_hand_is_the_same(postgres_url: str) -> None:
    _execute(postgres_url, migration_sql())
    assert migrate(postgres_url) == known_versions()[-1]


def test_a_database_that_cannot_be_reached_is_one_clear_line(postgres_url: str) -> None:
    with pytest.raises(MigrationFailed, match="cannot bring the tables up to date") as failed:
        migrate(postgres_url.replace("/test_", "/nowhere_"))
    assert "\n" not in str(failed.value)


def test_each_step_is_named_as_its_file_and_follows_the_one_before() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(steps)) == known_versions()
    assert max(map(len, steps)) <= 32, "the column of versions holds no more"


async def _appended(url: str, after: int) -> list[Record]:
    store = PostgresStore(url, journal_settings())
    journal = await store.open("toys", 0)
    await journal.append(EPOCH, [Entry(b"new", time_ms=2_000, digest=b"link")])
    records = await journal.read(after, 10)
    await journal.close()
    await store.close()
    return records


def _version(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row is not None
    return str(row[0])


def _columns(url: str) -> dict[tuple[str, str], tuple[str, str]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public'"
        ).fetchall()
    return {(table, column): (kind, nullable) for table, column, kind, nullable in rows}


def _execute(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())

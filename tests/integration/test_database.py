"""Group commit: units share a transaction, and never each other's fate."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.mesh.database.database import Database, DatabaseOverloaded, DatabaseUnavailable
from services.mesh.database.settings import DatabaseSettings
from services.mesh.server import StartFailed
from tests.integration.people_databases import database_url, opened

__all__ = ["database_url"]

schema = sa.MetaData()
notes = sa.Table("notes", schema, sa.Column("number", sa.Integer, primary_key=True, autoincrement=False))


class Refused(Exception):
    pass


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(DatabaseSettings(database_url=database_url), schema) as database:
        yield database


def keep(number: int) -> Callable[[sa.Connection], int]:
    def unit(connection: sa.Connection) -> int:
        connection.execute(notes.insert().values(number=number))
        return number

    return unit


def kept(connection: sa.Connection) -> list[int]:
    return sorted(connection.scalars(sa.select(notes.c.number)))


def keep_unless_third(number: int) -> Callable[[sa.Connection], int]:
    def unit(connection: sa.Connection) -> int:
        keep(number)(connection)
        if number % 3 == 0:
            raise Refused
        return number

    return unit


async def test_a_unit_that_raises_undoes_itself_and_not_its_neighbours(database: Database) -> None:
    writes = [database.write(keep_unless_third(number)) for number in range(30)]
    for number, answer in enumerate(await asyncio.gather(*writes, return_exceptions=True)):
        if number % 3 == 0:
            assert isinstance(answer, Refused)
        else:
            assert answer == number
    assert await database.read(kept) == [number for number in range(30) if number % 3]


async def test_what_is_answered_is_committed(database: Database, database_url: str) -> None:
    await database.write(keep(1))
    async with opened(DatabaseSettings(database_url=database_url), schema) as other:
        assert await other.read(kept) == [1]


async def test_units_that_gather_share_a_commit(database: Database) -> None:
    commits = 0

    def count(_connection: sa.Connection) -> None:
        nonlocal commits
        commits += 1

    busy, go_on = threading.Event(), threading.Event()

    def block(_connection: sa.Connection) -> None:
        busy.set()
        assert go_on.wait(10)

    first = asyncio.ensure_future(database.write(block))
    assert await asyncio.to_thread(busy.wait, 10)
    sa.event.listen(database._engine, "commit", count)
    others = [asyncio.ensure_future(database.write(keep(number))) for number in range(50)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *others)
    assert commits == 2
    assert len(await database.read(kept)) == 50


async def test_a_key_that_another_writer_took_is_seen_by_the_second_attempt(
    database: Database, database_url: str
) -> None:
    async with opened(DatabaseSettings(database_url=database_url), schema) as other:
        attempts = 0

        def insert_unless_there(connection: sa.Connection) -> str:
            nonlocal attempts
            attempts += 1
            if attempts > 1 and 7 in kept(connection):
                return "was there"
            keep(7)(connection)
            return "inserted"

        await other.write(keep(7))
        assert await database.write(insert_unless_there) == "was there"
        assert attempts == 2


async def test_a_conflict_that_never_ends_is_given_up_and_changes_nothing(database: Database) -> None:
    await database.write(keep(7))

    def insert_two(connection: sa.Connection) -> None:
        keep(8)(connection)
        keep(7)(connection)

    with pytest.raises(DatabaseUnavailable):
        await database.write(insert_two)
    assert await database.read(kept) == [7]


async def test_a_transaction_that_aborts_is_run_again_as_a_whole(database: Database) -> None:
    failures = 0

    def fail_once(_connection: sa.Connection) -> None:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise sa.exc.OperationalError("COMMIT", {}, Exception("the connection broke"))

    sa.event.listen(database._engine, "commit", fail_once)
    assert await database.write(keep(1)) == 1
    assert failures == 2
    assert await database.read(kept) == [1]


async def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    settings = DatabaseSettings(database_url=f"sqlite:{tmp_path}", database_queue_units_max=1)
    async with opened(settings, schema) as database:
        busy, go_on = threading.Event(), threading.Event()

        def block(_connection: sa.Connection) -> None:
            busy.set()
            assert go_on.wait(10)

        running = asyncio.ensure_future(database.write(block))
        assert await asyncio.to_thread(busy.wait, 10)
        waiting = asyncio.ensure_future(database.write(kept))
        await asyncio.sleep(0)
        with pytest.raises(DatabaseOverloaded) as failure:
            await database.write(kept)
        assert failure.value.metadata == {"limit": "database_queue_units_max"}
        go_on.set()
        await running
        assert await waiting == []


async def test_what_waits_is_committed_before_the_database_closes(tmp_path: Path) -> None:
    settings = DatabaseSettings(database_url=f"sqlite:{tmp_path}")
    database = await Database.open(settings, schema)
    writes = [asyncio.ensure_future(database.write(keep(number))) for number in range(20)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert await asyncio.gather(*writes) == list(range(20))
    with pytest.raises(DatabaseOverloaded):
        await database.write(kept)


async def test_a_table_from_before_gets_an_index_that_has_been_thought_of_since(database_url: str) -> None:
    settings = DatabaseSettings(database_url=database_url)
    with_index = sa.MetaData()
    sa.Table("kept", with_index, sa.Column("number", sa.Integer), sa.Index("kept_number", "number"))
    without = sa.MetaData()
    sa.Table("kept", without, sa.Column("number", sa.Integer))
    for tables in (without, with_index, with_index):
        opened = await Database.open(settings, tables)
        await opened.close()
    opened = await Database.open(settings, with_index)
    found = await opened.read(lambda connection: sa.inspect(connection).get_indexes("kept"))
    await opened.close()
    assert [index["name"] for index in found] == ["kept_number"]


@pytest.mark.parametrize("url", ["mysql://x", "sqlite:/dev/null/x", "postgresql://nobody@127.0.0.1:1/x"])
async def test_a_database_that_cannot_be_opened_is_one_clear_line(url: str) -> None:
    with pytest.raises(StartFailed, match=r"^mesh: cannot open the database: [^\n]+$"):
        await Database.open(DatabaseSettings(database_url=url), schema)

"""What only a database can suffer: lost connections, open outcomes, frozen transactions."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from services.mesh.journal import postgres
from services.mesh.journal.group import Call, Outcome
from services.mesh.journal.port import EpochFenced, JournalUnavailable
from services.mesh.journal.postgres import PostgresJournal, PostgresStore
from services.mesh.journal.postgres_connections import Connection
from tests.integration.mesh.etcd_fixtures import eventually
from tests.integration.mesh.journal_adapters import EPOCH, entries, journal_settings, names

_OTHERS = """
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'
"""
_KILL = f"SELECT count(pg_terminate_backend(pid)) {_OTHERS}".encode()
_COUNT = f"SELECT count(*) {_OTHERS}".encode()


@pytest.fixture
async def store(postgres_shared_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_shared_url, journal_settings(journal_busy_ms=200))
    yield store
    await store.close()


@pytest.fixture
def service() -> str:
    """A name that only this test uses in the shared database."""
    return f"toys-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def journal(store: PostgresStore, service: str) -> AsyncIterator[PostgresJournal]:
    journal = await store.open(service, 0)
    await journal.fence(EPOCH)
    yield journal
    await journal.close()


async def test_connections_that_are_killed_while_appending_cost_no_record_and_double_none(
    journal: PostgresJournal, postgres_shared_url: str
) -> None:
    told: dict[int, str] = {}
    kills = 0
    async with await psycopg.AsyncConnection.connect(postgres_shared_url, autocommit=True) as killer:

        async def append(caller: int) -> None:
            nonlocal kills
            for turn in range(40):
                name = f"{caller}.{turn}"
                told[await journal.append(EPOCH, entries(name))] = name
                # One caller kills while the others' appends are under way.
                if caller == 0 and turn % 4 == 0:
                    cursor = await killer.execute(_KILL)
                    kills += (await cursor.fetchone() or (0,))[0]

        await asyncio.gather(*(append(caller) for caller in range(8)))
    assert kills > 5
    found = dict(enumerate(names(await journal.read(0, 1_000)), start=1))
    assert found == told
    assert len(set(found.values())) == 320


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_whose_answer_was_lost_is_looked_up_and_not_repeated(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> None:
    lose = _LostAnswer(journal, committed=committed)
    monkeypatch.setattr(journal, "_transact", lose)
    assert await journal.append(EPOCH, entries("a", "b")) == 2
    assert lose.calls == 2
    assert names(await journal.read(0, 10)) == ["a", "b"]
    assert await journal.append(EPOCH, entries("c")) == 3


async def test_an_open_outcome_is_found_even_after_somebody_fenced(
    store: PostgresStore, service: str, journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await store.open(service, 0)

    async def fence() -> None:
        await other.fence(EPOCH + 1)

    monkeypatch.setattr(journal, "_transact", _LostAnswer(journal, committed=True, then=fence))
    assert await journal.append(EPOCH, entries("a")) == 1
    with pytest.raises(EpochFenced):
        await journal.append(EPOCH, entries("late"))


async def test_an_open_outcome_that_somebody_wrote_over_is_an_error_and_not_a_guess(
    store: PostgresStore, service: str, journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await store.open(service, 0)

    async def write() -> None:
        await other.append(EPOCH + 1, entries("theirs"))

    monkeypatch.setattr(journal, "_transact", _LostAnswer(journal, committed=True, then=write))
    with pytest.raises(JournalUnavailable, match="outcome of a commit was open"):
        await journal.append(EPOCH, entries("mine"))
    assert names(await other.read(0, 10)) == ["mine", "theirs"]


async def test_an_append_that_is_frozen_with_the_lock_does_not_hold_up_the_next_owner(
    journal: PostgresJournal, store: PostgresStore, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.append(EPOCH, entries("a"))
    taker = await store.open(service, 0)
    fetched = postgres._fetched

    async def frozen(head: psycopg.AsyncCursor[tuple[Any, ...]]) -> tuple[int, int, str]:
        monkeypatch.undo()
        assert await asyncio.wait_for(taker.fence(EPOCH + 1), 5) == 1
        return await fetched(head)

    monkeypatch.setattr(postgres, "_fetched", frozen)
    with pytest.raises(EpochFenced):
        await journal.append(EPOCH, entries("late"))
    assert names(await taker.read(0, 10)) == ["a"]


async def test_an_append_that_is_frozen_while_it_is_sent_does_not_hold_up_the_next_owner(
    postgres_shared_url: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(postgres_shared_url, journal_settings(journal_busy_ms=50))
    journal, taker = await store.open(service, 0), await store.open(service, 0)
    await journal.append(EPOCH, entries("a"))
    send = psycopg.AsyncConnection.execute

    async def frozen(connection: Connection, query: Any, *arguments: Any, **options: Any) -> Any:
        if query == "COMMIT":
            monkeypatch.undo()
            # What comes before is with the database, which waits for the rest.
            await (await connection.execute("SELECT 1")).fetchone()
            await eventually(fenced)
        return await send(connection, query, *arguments, **options)

    async def fenced() -> bool:
        with suppress(JournalUnavailable):
            return await taker.fence(EPOCH + 1) == 1
        return False

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", frozen)
    with pytest.raises(EpochFenced):
        await journal.append(EPOCH, entries("late"))
    assert names(await taker.read(0, 10)) == ["a"]
    await store.close()


async def test_many_processes_may_start_on_an_empty_database_at_once(postgres_url: str, service: str) -> None:
    stores = [PostgresStore(postgres_url, journal_settings()) for _ in range(8)]
    journals = await asyncio.gather(*(store.open(service, 0) for store in stores))
    assert await asyncio.gather(*(journal.fence(EPOCH) for journal in journals)) == [0] * 8
    for store in stores:
        await store.close()


async def test_a_store_never_has_more_connections_than_it_may(postgres_shared_url: str, service: str) -> None:
    store = PostgresStore(postgres_shared_url, journal_settings(journal_connections_max=2))
    journals = [await store.open(service, shard) for shard in range(6)]
    await asyncio.gather(
        *(journal.append(EPOCH, entries("a")) for journal in journals), *(j.read(0, 1) for j in journals)
    )
    async with await psycopg.AsyncConnection.connect(postgres_shared_url) as connection:
        cursor = await connection.execute(_COUNT)
        assert await cursor.fetchone() == (2,)
    await store.close()


async def test_a_database_that_answers_too_early_is_told_to_sync(postgres_url: str, service: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        name = (await (await connection.execute("SELECT current_database()")).fetchone() or ("",))[0]
        await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    store = PostgresStore(postgres_url, journal_settings())
    journal = await store.open(service, 0)
    async with journal._connections.use() as used:
        assert await (await used.execute("SHOW synchronous_commit")).fetchone() == ("on",)
    await store.close()


async def test_a_database_that_is_away_is_one_clear_error_without_its_password(service: str) -> None:
    store = PostgresStore("postgresql://someone:secret@127.0.0.1:1/nowhere", journal_settings())
    with pytest.raises(JournalUnavailable, match="someone:") as failure:
        await store.open(service, 0)
    assert "secret" not in str(failure.value)
    await store.close()


class _LostAnswer:
    """Runs a journal's transaction, and loses the connection once: before its commit, or after."""

    def __init__(self, journal: PostgresJournal, *, committed: bool, then: Any = None) -> None:
        self.calls = 0
        self._transact = journal._transact
        self._committed = committed
        self._then = then

    async def __call__(
        self, connection: Connection, calls: Sequence[Call], attempt: Any
    ) -> Sequence[Outcome]:
        self.calls += 1
        if self.calls > 1:
            return await self._transact(connection, calls, attempt)
        if self._committed:
            await self._transact(connection, calls, attempt)
            if self._then is not None:
                await self._then()
        else:
            attempt.sent, attempt.outcomes = True, [99]
        await connection.close()
        raise psycopg.OperationalError("the connection is gone")

"""Master keys come and go while what is kept under them stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa

from services.mesh.database.database import Database, DatabaseUnavailable
from services.mesh.database.settings import DatabaseSettings
from services.mesh.keys.masters import KeyFileMissing, KeysUnusable, MasterKeys
from services.mesh.keys.purposes import PurposeKeys
from services.mesh.keys.rotation import Rotation, open_vault, shown
from services.mesh.keys.tables import key_tables
from services.mesh.keys.vault import Record, RecordErased, Vault
from tests.integration.people_databases import Abort, database_url

__all__ = ["database_url"]

SCHEMA = sa.MetaData()
TABLES, OTHERS = key_tables(SCHEMA, "test"), key_tables(SCHEMA, "others")
OLD, NEW = bytes(32), bytes(range(32))
RECORDS = [Record(1, number) for number in range(1, 8)]


class Settings(DatabaseSettings):
    service: ClassVar[str] = "test"


class Replica:
    """A process, and the master keys that its operator gives it."""

    def __init__(self, database: Database, *keys: bytes) -> None:
        self.database = database
        self.given = MasterKeys.of(keys)
        self.vault, self.purposes = self.opened()
        self.rotation = Rotation(database, TABLES, self.vault, batch_keys=3)

    def opened(self) -> tuple[Vault, PurposeKeys]:
        return open_vault(self.database, TABLES, lambda: self.given, 5)

    async def seal(self, record: Record) -> bytes:
        return await self.database.write(lambda held: self.vault.seal(held, record, "name", "王芳"))

    async def unseal(self, record: Record, sealed: bytes) -> str:
        return await self.database.read(lambda held: self.vault.unseal(held, record, "name", sealed))

    async def records(self) -> dict[int, int]:
        return {status.master_id: status.records for status in await self.rotation.status()}


@asynccontextmanager
async def databases(url: str, count: int) -> AsyncIterator[Sequence[Database]]:
    settings = Settings(database_url=url)
    opened = [await Database.open(settings, SCHEMA) for _ in range(count)]
    try:
        yield opened
    finally:
        for database in opened:
            await database.close()


def name(key: bytes) -> int:
    return MasterKeys.of([key]).current.master_id


async def test_everything_goes_under_the_new_key_in_batches_and_the_old_one_can_then_be_taken_away(
    database_url: str,
) -> None:
    async with databases(database_url, 1) as (database,):
        replica = Replica(database, OLD)
        secret = replica.purposes.derive("login-secret")
        sealed = {record: await replica.seal(record) for record in RECORDS}
        # The next key is only made known first: nothing changes.
        replica.given = MasterKeys.of([OLD, NEW])
        assert await replica.rotation.step(6) == 0
        assert await replica.records() == {name(OLD): 8, name(NEW): 0}
        replica.given = MasterKeys.of([NEW, OLD])
        # Seven records and the root secret, three at a time.
        assert [await replica.rotation.step(7) for _ in range(4)] == [3, 3, 2, 0]
        old, new = await replica.rotation.status()
        assert (old.master_id, old.records, old.current, old.since_ms) == (name(OLD), 0, False, 5)
        assert (new.master_id, new.records, new.current, new.since_ms) == (name(NEW), 8, True, 7)
        replica.given = MasterKeys.of([NEW])
        later = Replica(database, NEW)
        assert later.purposes.derive("login-secret") == secret
        assert later.vault.fingerprint("name", "王芳") == replica.vault.fingerprint("name", "王芳")
        assert [await later.unseal(record, kept) for record, kept in sealed.items()] == ["王芳"] * 7
        assert await later.records() == {name(NEW): 8}


async def test_a_key_that_anything_is_under_cannot_be_taken_away(database_url: str) -> None:
    async with databases(database_url, 1) as (database,):
        replica = Replica(database, OLD)
        await replica.seal(RECORDS[0])
        with pytest.raises(KeysUnusable, match=shown(name(OLD))):
            Replica(database, NEW)
        moving = Replica(database, NEW, OLD)
        while await moving.rotation.step(7):
            pass
        assert await Replica(database, NEW).records() == {name(NEW): 2}
        # Whoever still has the old key as the current one can put nothing under it any more.
        with pytest.raises(DatabaseUnavailable):
            await replica.seal(RECORDS[1])


async def test_a_rotation_that_is_cut_anywhere_goes_on_where_it_was(database_url: str) -> None:
    async with databases(database_url, 2) as (database, other):
        replica = Replica(database, OLD)
        sealed = {record: await replica.seal(record) for record in RECORDS}
        replica.given = MasterKeys.of([NEW, OLD])
        # The first commits fail, or their answers are lost: the unit runs again on whatever is there.
        Abort(database._engine, before={1, 3}, after={2, 5})
        assert await replica.rotation.step(7) > 0
        assert {await replica.unseal(record, kept) for record, kept in sealed.items()} == {"王芳"}
        # The process dies here; another one goes on.
        successor = Replica(other, NEW, OLD)
        while await successor.rotation.step(8):
            pass
        assert await successor.records() == {name(OLD): 0, name(NEW): 8}
        assert {await successor.unseal(record, kept) for record, kept in sealed.items()} == {"王芳"}


async def test_replicas_rotate_at_once_and_none_works_against_another(database_url: str) -> None:
    async with databases(database_url, 2) as (database, other):
        first, second = Replica(database, OLD), Replica(other, OLD)
        assert first.purposes.derive("x") == second.purposes.derive("x")
        sealed = {record: await first.seal(record) for record in RECORDS}
        first.given = MasterKeys.of([NEW, OLD])
        # The second one has not heard of the new key, except where it meets it.
        assert await first.rotation.step(7) == 3
        second.given = MasterKeys.of([OLD, NEW])
        assert await second.rotation.step(7) == 0
        late = await second.seal(Record(1, 100))
        second.given = MasterKeys.of([NEW, OLD])
        while sum(await asyncio.gather(first.rotation.step(8), second.rotation.step(8))):
            pass
        assert await second.records() == {name(OLD): 0, name(NEW): 9}
        assert await first.unseal(Record(1, 100), late) == "王芳"
        for replica in (first, second):
            assert {await replica.unseal(record, kept) for record, kept in sealed.items()} == {"王芳"}


async def test_a_process_serves_on_when_its_key_is_exchanged_for_a_foreign_one(database_url: str) -> None:
    async with databases(database_url, 1) as (database,):
        replica = Replica(database, OLD)
        sealed = await replica.seal(RECORDS[0])
        replica.given = MasterKeys.of([NEW])
        with pytest.raises(KeysUnusable, match=shown(name(OLD))):
            await replica.rotation.step(7)
        assert await replica.unseal(RECORDS[0], sealed) == "王芳"
        assert await replica.unseal(RECORDS[1], await replica.seal(RECORDS[1])) == "王芳"
        assert not any(status.given for status in await replica.rotation.status() if status.records)
        # Once it is back, everything goes on.
        replica.given = MasterKeys.of([NEW, OLD])
        while await replica.rotation.step(8):
            pass
        assert await replica.records() == {name(OLD): 0, name(NEW): 3}


async def test_a_replica_reads_its_keys_again_when_it_meets_one_it_does_not_know(database_url: str) -> None:
    async with databases(database_url, 2) as (database, other):
        first, second = Replica(database, OLD), Replica(other, OLD)
        first.given = MasterKeys.of([NEW, OLD])
        await first.rotation.step(7)
        sealed = await first.seal(RECORDS[0])
        with pytest.raises(DatabaseUnavailable):
            await second.unseal(RECORDS[0], sealed)
        second.given = MasterKeys.of([OLD, NEW])
        assert await second.unseal(RECORDS[0], sealed) == "王芳"


async def test_an_erased_key_stays_erased_when_keys_are_wrapped_anew(database_url: str) -> None:
    async with databases(database_url, 1) as (database,):
        replica = Replica(database, OLD)
        await replica.seal(RECORDS[0])
        await replica.seal(RECORDS[1])
        await database.write(lambda held: replica.vault.erase(held, RECORDS[0]))
        replica.given = MasterKeys.of([NEW, OLD])
        while await replica.rotation.step(7):
            pass
        # One record and the root secret.
        assert await replica.records() == {name(OLD): 0, name(NEW): 2}
        with pytest.raises(RecordErased):
            await replica.seal(RECORDS[0])


async def test_a_missing_key_file_is_made_for_a_database_without_keys_and_never_for_another(
    database_url: str, tmp_path: Path
) -> None:
    file, backup = tmp_path / "made" / "service.key", tmp_path / "backup.key"
    async with databases(database_url, 1) as (database,):

        def opened() -> tuple[Vault, PurposeKeys]:
            return open_vault(database, TABLES, lambda: MasterKeys.from_file(file), 5)

        vault, purposes = opened()
        file.rename(backup)
        lost = shown(MasterKeys.from_file(backup).current.master_id)
        with pytest.raises(KeysUnusable, match=f"no key file {file}.*{lost}"):
            opened()
        # Nor does the service that runs make another one.
        with pytest.raises(KeyFileMissing):
            vault.refresh()
        assert not list(file.parent.iterdir())
        backup.rename(file)
        assert opened()[1].derive("x") == purposes.derive("x")


async def test_of_all_that_start_at_once_the_first_makes_the_key_file(
    database_url: str, tmp_path: Path
) -> None:
    here, elsewhere = tmp_path / "here" / "service.key", tmp_path / "elsewhere" / "service.key"
    # Two services that share a new file, two replicas of one, and one whose disk is another one.
    starts = [(TABLES, here), (OTHERS, here), (TABLES, here), (TABLES, elsewhere)]
    async with databases(database_url, len(starts)) as opened:

        def start(number: int) -> bytes | str:
            tables, file = starts[number]
            try:
                return open_vault(opened[number], tables, lambda: MasterKeys.from_file(file), 5)[1].derive(
                    "x"
                )
            except KeysUnusable as failure:
                return str(failure)

        with ThreadPoolExecutor(len(starts)) as threads:
            first, others, second, alone = await asyncio.to_thread(
                lambda: list(threads.map(start, range(len(starts))))
            )
    assert isinstance(others, bytes)
    assert len(MasterKeys.from_file(here).all) == 1
    if isinstance(alone, bytes):
        # What the other service has made is a file of foreign keys to these.
        assert all(isinstance(told, str) for told in (first, second))
    else:
        assert first == second
        assert f"no key file {elsewhere}" in alone
        assert not elsewhere.exists()

"""Erasure on real databases beside something else: whichever comes first, nothing is left over."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from functools import partial

import pytest
import sqlalchemy as sa

from services.identity.adapters.cases import SqlCaseStore
from services.identity.adapters.channels import confirm_document, confirmed_by
from services.identity.adapters.vault import photo_record
from services.identity.adapters.verifying_tables import applications, loose_photos, steps
from services.identity.domain.cases.case import Author, Note
from services.identity.domain.cases.desk import NewNote
from services.identity.domain.people import CaseNumber, FailedCheck
from services.identity.domain.person_events import CardUnbound, PersonErased
from services.mesh.keys.vault import RecordErased
from tests.integration.erasing_replicas import NAME, NUMBER, UNTIL_MS, apply, replicas
from tests.integration.people_databases import Abort, database_url
from tests.integration.same_moment import waits_for

__all__ = ["database_url"]


async def test_accounts_of_one_person_erased_at_once_erase_the_person_once(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        accounts = [await pair[0].registered() for _ in range(4)]
        (person_id,) = {await pair[0].verified(one) for one in accounts}
        await pair[0].bound(accounts[0], person_id)
        # Some are cut, and run again.
        Abort(pair[0].database._engine, before={1}, after={2})
        erased = await asyncio.gather(
            *(pair[turn % 2].erase(one) for turn, one in enumerate([*accounts, *accounts]))
        )
        assert len({erasure.account_id for erasure in erased}) == 4
        told = await pair[1].told()
        assert told.count(PersonErased(person_id)) == 1
        assert sum(isinstance(event, CardUnbound) for event in told) == 1
        ends = [await pair[0].erasures.find(one) for one in accounts]
        assert {None if end is None else end.end for end in ends} == {ends[0] and ends[0].end}
        assert ends[0] is not None
        assert ends[0].end is not None


async def test_an_account_verified_while_its_person_is_erased_is_there_or_keeps_the_person(
    database_url: str,
) -> None:
    async with replicas(database_url, 2) as pair:
        one, other = await pair[0].registered(), await pair[0].registered()
        person_id = await pair[0].verified(one)
        await asyncio.gather(pair[0].erase(one), pair[1].verified(other))
        # Whichever came first: the person has an account, and nothing of who they are may be purged.
        await pair[0].erasures.purge(10 + UNTIL_MS, 10)
        found = await pair[0].store.find(other)
        assert found is not None
        assert found.person is not None
        assert (found.person.person_id, found.person.name.text) == (person_id, NAME)


async def test_who_comes_back_while_they_are_purged_begins_anew(postgres_url: str) -> None:
    async with replicas(postgres_url, 2) as (one, other):
        gone, back = await one.registered(), await one.registered()
        person_id = await one.verified(gone)
        await one.database.write(lambda connection: confirm_document(connection, person_id, 7))
        await one.erase(gone)
        purge = partial(one.erasures.purge, 10 + UNTIL_MS, 10)
        assert await waits_for(partial(other.verified, back), one.database, purge)
        found = await one.store.find(back)
        assert found is not None
        assert found.person is not None
        assert found.person.person_id != person_id
        assert (found.person.name.text, found.person.resident_id) == (NAME, NUMBER)
        confirmed = await one.database.read(lambda connection: confirmed_by(connection, person_id))
        assert confirmed == (frozenset(), False)


async def test_a_photo_that_comes_while_the_account_is_erased_goes_with_it(postgres_url: str) -> None:
    async with replicas(postgres_url, 2) as (one, other):
        account_id = await one.registered()
        await one.database.write(partial(apply, vault=one.vault, account_id=account_id, photo_id=None))

        def refer(connection: sa.Connection) -> None:
            # As whoever keeps a photo: the application is held first.
            connection.execute(sa.select(applications).with_for_update())
            connection.execute(steps.update().values(photo_id=99))

        write = partial(one.database.write, refer)
        assert await waits_for(partial(other.erase, account_id), one.database, write)
        left = await one.database.read(lambda connection: connection.execute(sa.select(loose_photos)).one())
        assert left == (99, 10)
        with pytest.raises(RecordErased):
            await one.database.write(lambda connection: one.vault.key(connection, photo_record(99)))


async def test_a_note_that_comes_while_the_account_is_erased_goes_with_it(postgres_url: str) -> None:
    async with replicas(postgres_url, 2) as (one, other):
        account_id, number = await one.registered(), CaseNumber("K160207-7Q2M4KXA")
        failed = FailedCheck(account_id, "NAME_MISMATCH", "name_match", ("王", "x"), counts=True)
        await one.store.open_case(failed, number, 3)
        desk = SqlCaseStore(one.database, one.vault)

        def add(text: str) -> Awaitable[object]:
            note = NewNote(str(uuid.uuid4()), Note(Author.PERSON, text, "", 4))
            return desk.add_note(number, account_id, note, lambda case: case.added_to(3))

        await add("我叫王芳")
        assert await waits_for(partial(other.erase, account_id), one.database, lambda: add("我是王芳"))
        assert [note.text for note in await desk.notes(number)] == ["", ""]

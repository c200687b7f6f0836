"""Erasure on real databases: what goes, what stays, and who comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.identity.adapters.erasures import SqlErasureStore
from services.identity.adapters.holdings import Erased, Holding
from services.identity.adapters.tables import data_keys_of_identity, people, schema
from services.identity.adapters.vault import application_record, photo_record
from services.identity.adapters.verifying_tables import applications, loose_photos, steps
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.people import CaseNumber, FailedCheck, PersonId
from services.identity.domain.person_events import CardUnbound, PersonErased, PersonVerified
from services.identity.domain.privacy.erasures import DataCategory, KeepReason
from services.identity.domain.privacy.errors import AccountErased
from services.identity.domain.simulated_cards import issued_card
from services.mesh.keys.vault import RecordErased
from tests.integration.erasing_replicas import IDS, NAME, NUMBER, PHONE, UNTIL_MS, Replica, apply, replicas
from tests.integration.people_databases import database_url

__all__ = ["database_url"]


@pytest.fixture
async def replica(database_url: str) -> AsyncIterator[Replica]:
    async with replicas(database_url, 1) as (replica,):
        yield replica


async def test_the_last_account_takes_everything_along_but_who_the_person_was(replica: Replica) -> None:
    one = await replica.registered()
    person_id = await replica.verified(one)
    card_id = await replica.bound(one, person_id)
    erasure = await replica.erase(one)
    assert [(removed.category, removed.count) for removed in erasure.all_removed] == [
        (DataCategory.PROFILE, 1),
        (DataCategory.BANK_CARDS, 1),
    ]
    assert [(kept.category, kept.reason, kept.until_ms) for kept in erasure.kept] == [
        (DataCategory.IDENTITY, KeepReason.ANTI_MONEY_LAUNDERING, 10 + UNTIL_MS),
        (DataCategory.MONEY_RECORDS, KeepReason.ANTI_MONEY_LAUNDERING, 10 + UNTIL_MS),
    ]
    assert erasure.completed_ms is None
    assert await replica.erase(one, now_ms=20) == erasure
    assert (await replica.told())[-2:] == [CardUnbound(person_id, card_id), PersonErased(person_id)]
    found = await replica.store.find(one)
    assert found is not None
    assert (found.phone, found.display_name, found.erased) == ("", "", True)
    assert found.person is not None
    assert (found.person.name.text, found.person.resident_id) == (NAME, NUMBER)


async def test_everybody_is_woken_when_account_and_person_lose_data_of_one_kind(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account_id, woken = await replica.registered(), list[str]()
        await replica.verified(account_id)
        holding = Holding(
            DataCategory.SESSIONS,
            erase_account=lambda *_: Erased(1, partial(woken.append, "account")),
            erase_person=lambda *_: Erased(2, partial(woken.append, "person")),
        )
        erasures = SqlErasureStore(replica.database, replica.vault, replica.feed, [holding, holding])
        erasure = await erasures.erase(account_id, 10, 20, "")
        assert {made.category: made.count for made in erasure.removed}[DataCategory.SESSIONS] == 6
        assert woken == ["account", "account", "person", "person"]


async def test_nothing_is_done_for_an_erased_account_any_more(replica: Replica) -> None:
    one = await replica.registered()
    person_id = await replica.verified(one)
    await replica.erase(one)
    for attempt in (
        replica.verified(one),
        replica.bound(one, person_id),
        replica.store.bearer(one, PersonId(next(IDS)), 20),
    ):
        with pytest.raises(AccountErased):
            await attempt
    assert await replica.cards.listed(person_id) == []


async def test_who_the_person_was_goes_when_the_time_is_over(replica: Replica) -> None:
    one = await replica.registered()
    person_id = await replica.verified(one)
    await replica.erase(one)
    assert await replica.erasures.purge(10 + UNTIL_MS - 1, 10) == 0
    assert await replica.erasures.purge(10 + UNTIL_MS, 10) == 1
    assert await replica.erasures.purge(10 + UNTIL_MS, 10) == 0
    erasure = await replica.erasures.find(one)
    assert erasure is not None
    assert erasure.kept == ()
    assert erasure.all_removed[-1].category is DataCategory.IDENTITY
    assert erasure.completed_ms == 10 + UNTIL_MS
    found = await replica.store.find(one)
    assert found is not None
    assert found.person is not None
    assert (found.person.name.text, found.person.name.masked, found.person.resident_id.masked) == ("", "", "")
    # The resident ID is nobody's now: whoever has it is somebody new.
    assert await replica.verified(await replica.registered()) != person_id


async def test_whoever_comes_back_is_the_same_person_and_is_kept(replica: Replica) -> None:
    one = await replica.registered()
    person_id = await replica.verified(one)
    await replica.erase(one)
    back = await replica.registered()
    assert await replica.verified(back) == person_id
    erasure = await replica.erasures.find(one)
    assert erasure is not None
    assert {kept.reason for kept in erasure.kept} == {KeepReason.OTHER_ACCOUNT}
    assert await replica.erasures.purge(10 + 2 * UNTIL_MS, 10) == 0
    # And goes again, with a time of its own.
    assert (await replica.erase(back, now_ms=50)).kept[0].until_ms == 50 + UNTIL_MS
    assert await replica.erasures.purge(10 + UNTIL_MS, 10) == 0
    assert [type(event) for event in await replica.told()] == [PersonVerified, PersonErased, PersonErased]


async def test_a_provisional_person_leaves_nothing_behind(replica: Replica) -> None:
    one = await replica.registered()
    bearer = await replica.store.bearer(one, PersonId(next(IDS)), 2)
    erasure = await replica.erase(one)
    assert (erasure.kept, erasure.completed_ms) == ((), 10)
    assert await replica.told() == [PersonErased(bearer.person_id)]


async def test_texts_of_cases_and_what_was_typed_for_applications_go_with_their_keys(
    replica: Replica,
) -> None:
    one = await replica.registered()
    number = CaseNumber("K160207-7Q2M4KXA")
    await replica.store.open_case(
        FailedCheck(one, "NAME_MISMATCH", "name_match", ("王", "x"), counts=True), number, 3
    )

    await replica.database.write(partial(apply, vault=replica.vault, account_id=one, photo_id=99))
    erasure = await replica.erase(one)
    assert [(removed.category, removed.count) for removed in erasure.all_removed] == [
        (DataCategory.PROFILE, 1),
        (DataCategory.CASE_TEXTS, 1),
        (DataCategory.APPLICATIONS, 1),
        (DataCategory.PHOTOS, 1),
    ]

    def look(connection: sa.Connection) -> None:
        step = connection.execute(sa.select(steps)).one()
        assert (step.typed_sealed, step.photo_id) == (None, None)
        assert connection.execute(sa.select(loose_photos)).one() == (99, 10)
        application = connection.execute(sa.select(applications)).one()
        assert (application.state, application.open_account_id, application.ended_ms) == (5, None, 10)
        for record in (application_record(77), photo_record(99)):
            with pytest.raises(RecordErased):
                replica.vault.key(connection, record)

    await replica.database.read(look)


async def test_an_owner_is_shown_all_of_it_and_nothing_of_others(replica: Replica) -> None:
    one, other = await replica.registered(), await replica.registered()
    person_id = await replica.verified(one)
    await replica.bound(one, person_id)
    shown = await replica.erasures.export(one)
    assert shown["profile"]["phone"] == PHONE
    assert shown["identity"] == {
        "person_id": str(person_id),
        "name": NAME,
        "resident_id": NUMBER.number,
        "tier": 1,
    }
    assert [card["number"] for card in shown["bank_cards"]] == [issued_card(BANKS[0], NUMBER.number)]
    assert set(await replica.erasures.export(other)) == {"profile"}


async def test_no_personal_data_is_left_on_the_disk_readable_with_all_keys(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        one = await replica.registered()
        person_id = await replica.verified(one)
        await replica.bound(one, person_id)
        keys = [row.wrapped for row in await replica.database.read(_keys) if row.kind]
        assert len(keys) == 3
        await replica.erase(one)
        await replica.erasures.purge(10 + UNTIL_MS, 10)

        def sealed(connection: sa.Connection) -> list[bytes]:
            return [
                value
                for table in schema.sorted_tables
                for column in table.columns
                if column.name.endswith("_sealed")
                for value in connection.scalars(sa.select(column))
                if value
            ]

        assert await replica.database.read(sealed) == []
        fingerprint = replica.vault.fingerprint("resident-id", NUMBER.number)
        left = await replica.database.read(
            lambda held: held.scalars(
                sa.select(people.c.person_id).where(people.c.resident_fingerprint == fingerprint)
            ).all()
        )
        assert list(left) == []
    # The last one to close takes the log of writes into the file, where what is deleted is overwritten.
    on_disk = await asyncio.to_thread(_contents, tmp_path)
    assert [key for key in keys if bytes(key) in on_disk] == []


def _contents(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def _keys(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    return connection.execute(sa.select(data_keys_of_identity.data_keys)).all()

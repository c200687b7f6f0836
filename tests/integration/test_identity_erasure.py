"""Erasure on real databases: what goes, what stays, and who comes back."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.cases import SqlCaseStore
from services.identity.adapters.channels import confirm_document, confirmed_by
from services.identity.adapters.erasures import SqlErasureStore
from services.identity.adapters.holdings import Erased, Holding
from services.identity.adapters.holdings_of_accounts import bank_cards, case_texts, identities, profiles
from services.identity.adapters.holdings_of_applications import photos, typed
from services.identity.adapters.holdings_of_credit import agreed, scored
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import data_keys_of_identity, people, schema
from services.identity.adapters.vault import application_record, photo_record
from services.identity.adapters.verifying_tables import applications, loose_photos, steps
from services.identity.domain.bank_cards import BANKS, parse
from services.identity.domain.cases.case import Author, Note
from services.identity.domain.cases.desk import NewNote
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    CardId,
    CaseNumber,
    FailedCheck,
    Person,
    PersonId,
    StoredSecret,
    Tier,
)
from services.identity.domain.person_events import CardUnbound, PersonErased, PersonEvent, PersonVerified
from services.identity.domain.ports import NewCard
from services.identity.domain.privacy.erasures import DataCategory, Erasure, KeepReason
from services.identity.domain.privacy.errors import AccountErased
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import issued_card
from services.identity.settings import IdentitySettings
from services.mesh.clock import SystemClock
from services.mesh.database.database import Database
from services.mesh.keys.vault import RecordErased, Vault
from services.mesh.language import Language
from tests.integration.people_databases import Abort, database_url, identity_vault, opened
from tests.integration.same_moment import waits_for

__all__ = ["database_url"]

NUMBER = ResidentId("11010519491231002X")
NAME, PHONE, DISPLAY_NAME, CARD_PHONE = "王芳", "13800138000", "小明", "13900139000"
UNTIL_MS = 1_000
_ids = itertools.count(2**62)


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of the service."""

    database: Database
    vault: Vault
    feed: SqlPersonFeed
    store: SqlAccountStore
    cards: SqlCardStore
    erasures: SqlErasureStore

    async def registered(self) -> AccountId:
        secret = StoredSecret(b"salt", b"digest")
        account = Account(AccountId(next(_ids)), PHONE, DISPLAY_NAME, secret, registered_ms=1)
        return (await self.store.register(account, str(uuid.uuid4()))).account_id

    async def verified(self, account_id: AccountId) -> PersonId:
        person = Person(PersonId(next(_ids)), PersonName(NAME), NUMBER, Tier.I)
        return (await self.store.tie(account_id, person, 5)).person.person_id

    async def bound(self, account_id: AccountId, person_id: PersonId) -> CardId:
        number = parse(issued_card(BANKS[0], NUMBER.number))
        card = NewCard(CardId(next(_ids)), person_id, number, CARD_PHONE, 6)
        return (await self.cards.bind(card, account_id, Language.ENGLISH, ""))[0].card_id

    async def erase(self, account_id: AccountId, now_ms: int = 10) -> Erasure:
        return await self.erasures.erase(account_id, now_ms, now_ms + UNTIL_MS, "")

    async def told(self) -> list[PersonEvent]:
        return [record.event for record in (await self.feed.read(0, 10_000, 0, 1)).events]


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[Sequence[Replica]]:
    async with AsyncExitStack() as stack:
        settings = IdentitySettings(database_url=url, identity_key_file="unused")
        made = []
        for _ in range(count):
            database = await stack.enter_async_context(opened(settings, schema))
            vault, feed = identity_vault(database), SqlPersonFeed(database, SystemClock())
            store = SqlAccountStore(database, vault, feed)
            cards = SqlCardStore(database, vault, feed, cards_max=1)
            kept = (profiles(store), identities(store), bank_cards(cards), case_texts(vault))
            holdings = (*kept, photos(vault), typed(vault), agreed(), scored())
            erasures = SqlErasureStore(database, vault, feed, holdings)
            made.append(Replica(database, vault, feed, store, cards, erasures))
        yield made


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
        replica.store.bearer(one, PersonId(next(_ids)), 20),
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
    bearer = await replica.store.bearer(one, PersonId(next(_ids)), 2)
    erasure = await replica.erase(one)
    assert (erasure.kept, erasure.completed_ms) == ((), 10)
    assert await replica.told() == [PersonErased(bearer.person_id)]


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


def apply(connection: sa.Connection, vault: Vault, account_id: AccountId, photo_id: int | None) -> None:
    """An application with a step."""
    values = {"verification_id": 77, "account_id": account_id, "open_account_id": account_id}
    numbers = dict.fromkeys(("level", "state", "version", "submissions_max", "refusals", "evidence_count"), 1)
    connection.execute(applications.insert().values(**values, **numbers, edited=False, started_ms=1))
    step = dict.fromkeys(("masked", "reason", "failed_step", "case_number"), "")
    key = vault.key(connection, application_record(77))
    typed = {"typed_sealed": key.seal("typed/0", "王芳"), "photo_id": photo_id}
    place = {"verification_id": 77, "place": 0, "kind": 1, "ordinal": 0, "state": 1, "changed_ms": 1}
    connection.execute(steps.insert().values(**place, **step, **typed))
    vault.key(connection, photo_record(99))


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

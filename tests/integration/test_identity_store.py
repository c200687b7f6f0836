"""Accounts, people and cases on real databases."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import schema
from services.identity.domain.errors import AlreadyVerifiedAsOther, RequestIdReused
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    CaseNumber,
    FailedCheck,
    Person,
    PersonId,
    StoredSecret,
    Tier,
    Verified,
)
from services.identity.domain.resident_id import ResidentId
from services.identity.settings import IdentitySettings
from services.mesh.clock import SystemClock
from tests.integration.people_databases import database_url, identity_vault, opened

__all__ = ["database_url"]

NUMBER, OTHER_NUMBER = ResidentId("11010519491231002X"), ResidentId("310104199005010115")
_ids = itertools.count(2**62)


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[Sequence[SqlAccountStore]]:
    async with AsyncExitStack() as stack:
        settings = IdentitySettings(database_url=url, identity_key_file="unused")
        databases = [await stack.enter_async_context(opened(settings, schema)) for _ in range(count)]
        yield [
            SqlAccountStore(database, identity_vault(database), SqlPersonFeed(database, SystemClock()))
            for database in databases
        ]


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[SqlAccountStore]:
    async with replicas(database_url, 1) as (store,):
        yield store


def account(phone: str = "13800138000") -> Account:
    return Account(AccountId(next(_ids)), phone, "小明", StoredSecret(b"salt", b"digest"), registered_ms=1)


def person(number: ResidentId = NUMBER, name: str = "王芳") -> Person:
    return Person(PersonId(next(_ids)), PersonName(name), number, Tier.I)


async def registered(store: SqlAccountStore) -> AccountId:
    return (await store.register(account(), str(uuid.uuid4()))).account_id


def failed(account_id: AccountId, name: str = "王明", *, counts: bool = True) -> FailedCheck:
    return FailedCheck(account_id, "NAME_MISMATCH", "name_match", (name, NUMBER.number), counts)


async def test_an_account_is_found_as_it_was_registered(store: SqlAccountStore) -> None:
    opened_account = account()
    assert await store.register(opened_account, "a") == opened_account
    assert await store.find(opened_account.account_id) == opened_account
    assert await store.find(AccountId(1)) is None


async def test_requests_repeated_at_once_open_one_account(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        answers = await asyncio.gather(
            *(pair[turn % 2].register(account(), "4D3C") for turn in range(8)),
            pair[0].register(account(), "4d3c"),
        )
        assert len({answer.account_id for answer in answers}) == 1


async def test_a_request_id_with_another_input_is_refused(store: SqlAccountStore) -> None:
    first = await store.register(account(), "a")
    with pytest.raises(RequestIdReused):
        await store.register(account("13900139000"), "a")
    assert await store.find(first.account_id) == first


async def test_accounts_verified_at_once_with_one_resident_id_are_one_person(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        accounts = [await registered(pair[0]) for _ in range(8)]
        people = await asyncio.gather(
            *(pair[turn % 2].tie(one, person(), 5) for turn, one in enumerate(accounts))
        )
        assert len({found.person.person_id for found in people}) == 1
        assert await pair[1].tie(accounts[0], person(), 6) == people[0]


async def test_an_account_claimed_by_two_people_at_once_belongs_to_one(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        one = await registered(pair[0])
        answers = await asyncio.gather(
            pair[0].tie(one, person(NUMBER), 5),
            pair[1].tie(one, person(OTHER_NUMBER), 5),
            return_exceptions=True,
        )
        refused = [answer for answer in answers if isinstance(answer, AlreadyVerifiedAsOther)]
        winners = [answer.person for answer in answers if isinstance(answer, Verified)]
        assert (len(refused), len(winners)) == (1, 1)
        found = await pair[0].find(one)
        assert found is not None
        assert found.person == winners[0]
        # Who was refused left nothing behind: the number makes a new person elsewhere.
        loser = NUMBER if winners[0].resident_id == OTHER_NUMBER else OTHER_NUMBER
        fresh = person(loser)
        assert (await pair[0].tie(await registered(pair[0]), fresh, 5)).person == fresh


async def test_a_person_keeps_the_number_and_takes_over_a_new_name(store: SqlAccountStore) -> None:
    one = await registered(store)
    first = (await store.tie(one, person(name="王芳"), 5)).person
    renamed = (await store.tie(one, person(name="王小芳"), 6)).person
    assert (renamed.person_id, renamed.name.text) == (first.person_id, "王小芳")
    found = await store.find(one)
    assert found is not None
    assert found.person == renamed
    assert found.verified_ms == 5


async def test_a_repeated_failure_is_one_case_that_the_next_success_resolves(store: SqlAccountStore) -> None:
    one = await registered(store)
    case = await store.open_case(failed(one), CaseNumber("K1"), 10)
    again = await store.open_case(failed(one), CaseNumber("K2"), 20)
    other = await store.open_case(failed(one, "王强"), CaseNumber("K3"), 30)
    outage = await store.open_case(failed(one, "", counts=False), CaseNumber("K4"), 30)
    assert [case.case_number, again.case_number, other.case_number, outage.case_number] == [
        "K1",
        "K1",
        "K3",
        "K4",
    ]
    standing = await store.standing(one, since_ms=20)
    assert standing is not None
    assert standing.failed_checks == 3
    assert standing.account.secret_was_used
    late = await store.standing(one, since_ms=31)
    assert late is not None
    assert late.failed_checks == 0
    await store.tie(one, person(), 40)
    resolved = await store.find_case(one, CaseNumber("K1"))
    assert resolved is not None
    assert (resolved.opened_ms, resolved.resolved_ms) == (10, 40)
    # After that, the same mistake is a new case.
    assert (await store.open_case(failed(one), CaseNumber("K5"), 50)).case_number == "K5"


async def test_a_case_is_seen_only_by_its_account(store: SqlAccountStore) -> None:
    one, other = await registered(store), await registered(store)
    await store.open_case(failed(one), CaseNumber("K1"), 10)
    assert await store.find_case(one, CaseNumber("K1")) is not None
    assert await store.find_case(other, CaseNumber("K1")) is None


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_personal_data_lies_readable_on_the_disk(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (store,):
        one = await registered(store)
        await store.open_case(failed(one, "王强"), CaseNumber("K1"), 10)
        await store.tie(one, person(), 5)
        files = await asyncio.to_thread(contents, tmp_path)
    assert len(files) > 10_000
    for text in ("13800138000", "小明", "王芳", "王强", NUMBER.number):
        assert text.encode() not in files

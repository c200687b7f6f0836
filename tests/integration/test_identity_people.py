"""Provisional people, merges and the feed of people on real databases."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.earlier_people import tell_of_earlier_people
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import feed_head, person_events, schema
from services.identity.domain.errors import AccountUnknown, AlreadyVerifiedAsOther
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    Bearer,
    Person,
    PersonId,
    StoredSecret,
    Tier,
    Verified,
)
from services.identity.domain.person_events import NumberedEvent, PersonsMerged, PersonVerified
from services.identity.domain.resident_id import ResidentId
from services.identity.settings import IdentitySettings
from services.mesh.clock import SystemClock
from services.mesh.database.database import Database
from services.mesh.shards.hashing import shard_of
from tests.integration.people_databases import database_url, identity_vault, opened

__all__ = ["database_url"]

NUMBER, OTHER_NUMBER = ResidentId("11010519491231002X"), ResidentId("310104199005010115")
_ids = itertools.count(2**62)


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of the service."""

    database: Database
    feed: SqlPersonFeed
    store: SqlAccountStore

    async def registered(self) -> AccountId:
        secret = StoredSecret(b"salt", b"digest")
        account = Account(AccountId(next(_ids)), "13800138000", "小明", secret, registered_ms=1)
        return (await self.store.register(account, str(uuid.uuid4()))).account_id

    async def played(self, account_id: AccountId) -> Bearer:
        """Whom a token that is asked for now speaks for."""
        return await self.store.bearer(account_id, PersonId(next(_ids)), 2)

    async def verified(self, account_id: AccountId, number: ResidentId = NUMBER) -> Verified:
        person = Person(PersonId(next(_ids)), PersonName("王芳"), number, Tier.I)
        return await self.store.tie(account_id, person, 5)

    async def whole_feed(self) -> Sequence[NumberedEvent]:
        return (await self.feed.read(0, 10_000, 0, 1)).events


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[Sequence[Replica]]:
    async with AsyncExitStack() as stack:
        settings = IdentitySettings(database_url=url, identity_key_file="unused")
        made = []
        for _ in range(count):
            database = await stack.enter_async_context(opened(settings, schema))
            feed = SqlPersonFeed(database, SystemClock())
            made.append(Replica(database, feed, SqlAccountStore(database, identity_vault(database), feed)))
        yield made


@pytest.fixture
async def replica(database_url: str) -> AsyncIterator[Replica]:
    async with replicas(database_url, 1) as (replica,):
        yield replica


async def test_tokens_asked_for_at_once_speak_for_one_provisional_person(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        one = await pair[0].registered()
        bearers = await asyncio.gather(*(pair[turn % 2].played(one) for turn in range(8)))
        assert len(set(bearers)) == 1
        assert bearers[0].tier is Tier.NONE
        found = await pair[1].store.find(one)
        assert found is not None
        assert (found.provisional_id, found.person) == (bearers[0].person_id, None)
        assert found.secret_was_used
        assert await pair[0].whole_feed() == []


async def test_nobody_plays_for_an_account_that_is_not_there(replica: Replica) -> None:
    with pytest.raises(AccountUnknown):
        await replica.played(AccountId(1))


async def test_a_provisional_person_becomes_the_verified_one(replica: Replica) -> None:
    one = await replica.registered()
    provisional = await replica.played(one)
    verified = await replica.verified(one)
    assert (verified.person.person_id, verified.merged_id) == (provisional.person_id, None)
    assert await replica.verified(one) == verified
    assert await replica.played(one) == Bearer(provisional.person_id, Tier.I)
    events = [numbered.event for numbered in await replica.whole_feed()]
    assert events == [PersonVerified(provisional.person_id, Tier.I)]


async def test_whoever_is_known_already_is_merged_once_and_plays_as_the_known_person(
    replica: Replica,
) -> None:
    first, second = await replica.registered(), await replica.registered()
    known = (await replica.verified(first)).person
    provisional = await replica.played(second)
    merged = await replica.verified(second)
    assert (merged.person, merged.merged_id) == (known, provisional.person_id)
    assert await replica.verified(second) == merged
    assert await replica.played(second) == Bearer(known.person_id, Tier.I)
    assert [(numbered.seq, numbered.event) for numbered in await replica.whole_feed()] == [
        (1, PersonVerified(known.person_id, Tier.I)),
        (2, PersonsMerged(provisional.person_id, known.person_id)),
    ]


async def test_an_account_that_never_played_has_nothing_to_merge(replica: Replica) -> None:
    first, second = await replica.registered(), await replica.registered()
    known = (await replica.verified(first)).person
    assert await replica.verified(second) == Verified(known, None)
    assert len(await replica.whole_feed()) == 1


async def test_of_many_who_turn_out_to_be_one_at_once_one_stays_and_the_others_are_merged(
    database_url: str,
) -> None:
    async with replicas(database_url, 2) as pair:
        accounts = [await pair[0].registered() for _ in range(6)]
        bearers = [await pair[0].played(one) for one in accounts]
        answers = await asyncio.gather(
            *(pair[turn % 2].verified(one) for turn, one in enumerate(accounts * 2))
        )
        (person_id,) = {answer.person.person_id for answer in answers}
        assert person_id in {bearer.person_id for bearer in bearers}
        feed = await pair[1].whole_feed()
        assert [numbered.seq for numbered in feed] == list(range(1, 7))
        assert feed[0].event == PersonVerified(person_id, Tier.I)
        merged = {bearer.person_id for bearer in bearers} - {person_id}
        assert {numbered.event for numbered in feed[1:]} == {PersonsMerged(one, person_id) for one in merged}


async def test_a_token_and_a_check_at_once_leave_no_one_behind(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        for _ in range(6):
            one = await pair[0].registered()
            bearer, verified = await asyncio.gather(pair[0].played(one), pair[1].verified(one))
            if bearer.tier is Tier.NONE:
                # The token came first: its person is the verified one, or was merged into that.
                assert bearer.person_id in (verified.person.person_id, verified.merged_id)
            else:
                assert bearer.person_id == verified.person.person_id
                assert verified.merged_id is None


async def test_an_account_claimed_for_two_people_at_once_is_heard_of_once(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        one = await pair[0].registered()
        provisional = await pair[0].played(one)
        answers = await asyncio.gather(
            pair[0].verified(one), pair[1].verified(one, OTHER_NUMBER), return_exceptions=True
        )
        assert len([answer for answer in answers if isinstance(answer, AlreadyVerifiedAsOther)]) == 1
        feed = await pair[0].whole_feed()
        assert [numbered.event for numbered in feed] == [PersonVerified(provisional.person_id, Tier.I)]


async def test_every_shard_hears_of_its_people_and_all_of_them_of_everybody(replica: Replica) -> None:
    for turn in range(40):
        account_id = await replica.registered()
        await replica.played(account_id)
        await replica.verified(account_id, ResidentId(f"{turn:018d}"))
    everything = await replica.whole_feed()
    assert [numbered.seq for numbered in everything] == list(range(1, 41))
    by_shard = [await replica.feed.read(0, 10_000, shard, 4) for shard in range(4)]
    for shard, stretch in enumerate(by_shard):
        assert stretch.last_seq == 40
        assert [
            numbered for numbered in everything if shard_of(numbered.event.person_id, 4) == shard
        ] == list(stretch.events)
    assert sum(len(stretch.events) for stretch in by_shard) == 40
    # A stretch is as long as was asked for, however few of its events are the shard's.
    middle = await replica.feed.read(10, 7, 3, 4)
    assert middle.last_seq == 17
    assert {numbered.seq for numbered in middle.events} <= set(range(11, 18))
    assert (await replica.feed.read(40, 7, 3, 4)).last_seq == 40


async def test_a_check_that_is_undone_leaves_no_gap(replica: Replica) -> None:
    def undone(connection: sa.Connection) -> None:
        replica.feed.add(connection, PersonVerified(PersonId(7), Tier.I), 5, "")
        raise RuntimeError("cut")

    await replica.verified(await replica.registered())
    with pytest.raises(RuntimeError, match="cut"):
        await replica.database.write(undone)
    await replica.verified(await replica.registered(), OTHER_NUMBER)
    assert [numbered.seq for numbered in await replica.whole_feed()] == [1, 2]


async def test_a_reader_in_the_same_process_is_woken_by_what_is_new(replica: Replica) -> None:
    waiting = asyncio.ensure_future(replica.feed.wait_beyond(0, 60))
    await asyncio.sleep(0)
    await replica.verified(await replica.registered())
    await asyncio.wait_for(waiting, 30)


async def test_people_verified_before_there_was_a_feed_are_told_of_once(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        first, second = await pair[0].registered(), await pair[0].registered()
        people = [
            (await pair[0].verified(first)).person.person_id,
            (await pair[0].verified(second, OTHER_NUMBER)).person.person_id,
        ]

        def forget(connection: sa.Connection) -> None:
            connection.execute(person_events.delete())
            connection.execute(feed_head.delete())

        # As a database of a time before the feed is found.
        await pair[0].database.write(forget)
        told = await asyncio.gather(
            *(tell_of_earlier_people(replica.database, replica.feed, 9) for replica in pair)
        )
        assert sorted(told) == [0, 2]
        assert await tell_of_earlier_people(pair[0].database, pair[0].feed, 9) == 0
        feed = await pair[1].whole_feed()
        assert [(numbered.seq, numbered.time_ms) for numbered in feed] == [(1, 9), (2, 9)]
        assert {numbered.event for numbered in feed} == {PersonVerified(one, Tier.I) for one in people}

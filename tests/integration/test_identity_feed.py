"""The feed of people as its readers see it, and checks of cards that are made at once."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hongbao.identity.v1 import person_feed_pb2
from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.banks import SimulatedBanks
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import schema
from services.identity.api.person_feed import PersonFeedApi
from services.identity.domain import secret
from services.identity.domain.attempts import AttemptLimit, Attempts
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.binding import CardBinding
from services.identity.domain.errors import IdentityError
from services.identity.domain.names import PersonName
from services.identity.domain.people import Account, AccountId, Person, PersonId, Tier
from services.identity.domain.ports import BankAnswer, FourElements
from services.identity.domain.registration import Registration
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.identity.domain.simulated_people import registered_name
from services.identity.settings import IdentitySettings
from services.mesh.clock import SystemClock
from services.mesh.database.database import Database
from services.mesh.feed.consumer import FeedConsumer
from services.mesh.feed.port import FeedRecord
from services.mesh.feed.rpc import RpcFeedSource
from services.mesh.language import Language
from services.mesh.shards.hashing import shard_of
from tests.integration.people_databases import database_url, identity_vault, opened

__all__ = ["database_url"]

NUMBER = "11010519491231002X"
SECRET = "a" * 43
SHARDS = 4
_ids = itertools.count(2**62)


class Replica:
    """One process of the service."""

    def __init__(self, database: Database, settings: IdentitySettings) -> None:
        self.database = database
        self.feed = SqlPersonFeed(database, SystemClock())
        self.store = SqlAccountStore(database, identity_vault(database), self.feed)
        self.api = PersonFeedApi(self.feed, settings, SystemClock())

    async def somebody(self, number: str) -> AccountId:
        """An account with a verified person."""
        account = Account(
            AccountId(next(_ids)), "13800138000", "小明", secret.store(SECRET, b"s" * 16), registered_ms=1
        )
        await self.store.register(account, str(uuid.uuid4()))
        person = Person(PersonId(next(_ids)), PersonName(registered_name(number)), ResidentId(number), Tier.I)
        await self.store.tie(account.account_id, person, 5)
        return account.account_id


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[Sequence[Replica]]:
    async with AsyncExitStack() as stack:
        settings = IdentitySettings(
            database_url=url, identity_key_file="unused", feed_batch_records=7, feed_poll_ms=20
        )
        yield [
            Replica(await stack.enter_async_context(opened(settings, schema)), settings) for _ in range(count)
        ]


class Sink:
    """Keeps what it is given, and checks nothing: the consumer does."""

    def __init__(self) -> None:
        self.records: list[FeedRecord] = []
        self.grown = asyncio.Condition()

    async def cursor(self, source: str) -> int:
        assert source == "identity/0"
        return self.records[-1].seq if self.records else 0

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        assert source == "identity/0"
        async with self.grown:
            self.records += records
            self.grown.notify_all()


async def test_a_consumer_of_each_shard_hears_of_its_people_while_they_are_verified(
    database_url: str,
) -> None:
    async with replicas(database_url, 3) as (reader, *writers):
        sinks = [Sink() for _ in range(SHARDS)]

        def source(shard: int) -> RpcFeedSource:
            def call(after_seq: int) -> AsyncIterator[person_feed_pb2.ReadPersonsResponse]:
                request = person_feed_pb2.ReadPersonsRequest(
                    after_seq=after_seq, shard=shard, shard_count=SHARDS
                )
                return reader.api.ReadPersons(request, None)

            return RpcFeedSource("identity/0", call)

        settings = IdentitySettings(database_url="sqlite:unused")
        consumers = [
            asyncio.ensure_future(FeedConsumer(source(shard), sinks[shard], SystemClock(), settings).run())
            for shard in range(SHARDS)
        ]
        await asyncio.gather(*(writers[turn % 2].somebody(f"{turn:018d}") for turn in range(40)))
        async with asyncio.timeout(60):
            for sink in sinks:
                async with sink.grown:
                    await sink.grown.wait_for(lambda sink=sink: len(sink.records) == 40)  # type: ignore[misc]
        for consumer in consumers:
            consumer.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        heard: list[int] = []
        for shard, sink in enumerate(sinks):
            assert [record.seq for record in sink.records] == list(range(1, 41))
            for record in sink.records:
                event: Any = record.event
                if event.WhichOneof("event") is None:
                    assert (record.time_ms, record.trace_context) == (0, "")
                    continue
                person_id = event.person_verified.person_id
                assert shard_of(person_id, SHARDS) == shard
                heard.append(record.seq)
        assert sorted(heard) == list(range(1, 41))


async def test_a_message_holds_no_more_records_than_were_asked_for(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        for turn in range(9):
            await replica.somebody(f"{turn:018d}")

        async def first_sizes(batch_records: int, count: int) -> list[int]:
            request = person_feed_pb2.ReadPersonsRequest(batch_records=batch_records)
            responses = replica.api.ReadPersons(request, None)
            sizes = [len((await anext(responses)).records) for _ in range(count)]
            await responses.aclose()
            return sizes

        assert await first_sizes(4, 3) == [4, 4, 1]
        assert await first_sizes(0, 2) == [7, 2]
        assert await first_sizes(10_000, 2) == [7, 2]


class CountingBanks:
    """The simulated banks, counting the questions."""

    def __init__(self) -> None:
        self.questions = 0
        self._banks = SimulatedBanks(SystemClock(), seed=2016, latency_ms=0, timeout_ms=1, questions_max=100)

    async def confirm(self, elements: FourElements) -> BankAnswer:
        self.questions += 1
        await asyncio.sleep(0)
        return await self._banks.confirm(elements)


async def test_phones_guessed_at_once_are_no_more_than_phones_guessed_one_after_the_other(
    tmp_path: Path,
) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account_id = await replica.somebody(NUMBER)
        clock, banks = SystemClock(), CountingBanks()
        attempts = Attempts(replica.store, clock, secrets.randbits, AttemptLimit(3, 86_400))
        registration = Registration(replica.store, clock, secrets.randbits, bytes(32))
        cards = SqlCardStore(replica.database, identity_vault(replica.database), replica.feed, cards_max=5)
        binding = CardBinding(cards, banks, registration, attempts, clock, secrets.randbits)
        digits, phone = issued_card(BANKS[0], NUMBER), reserved_phone(NUMBER)

        async def bind(guess: str) -> str:
            try:
                await binding.bind(account_id, SECRET, digits, guess, Language.CHINESE)
            except IdentityError as refusal:
                return refusal.reason
            return "BOUND"

        guesses = [f"138001380{turn:02d}" for turn in range(10)]
        outcomes = Counter(await asyncio.gather(*map(bind, guesses)))
        assert outcomes == {"CARD_REFUSED": 3, "ATTEMPT_LIMIT_REACHED": 7}
        assert banks.questions == 3
        assert await bind(phone) == "ATTEMPT_LIMIT_REACHED"


async def test_a_card_sent_twice_at_once_is_bound_once_and_may_be_sent_again(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account_id = await replica.somebody(NUMBER)
        clock = SystemClock()
        attempts = Attempts(replica.store, clock, secrets.randbits, AttemptLimit(2, 86_400))
        registration = Registration(replica.store, clock, secrets.randbits, bytes(32))
        cards = SqlCardStore(replica.database, identity_vault(replica.database), replica.feed, cards_max=1)
        binding = CardBinding(cards, CountingBanks(), registration, attempts, clock, secrets.randbits)
        digits, phone = issued_card(BANKS[0], NUMBER), reserved_phone(NUMBER)
        first, second = await asyncio.gather(
            *(binding.bind(account_id, SECRET, digits, phone, Language.CHINESE) for _ in range(2))
        )
        assert first.card.card_id == second.card.card_id
        # Whoever has used up the attempts may still repeat what has succeeded.
        for _ in range(2):
            with pytest.raises(IdentityError):
                await binding.bind(account_id, SECRET, digits[:-1] + "0", phone, Language.CHINESE)
        again = await binding.bind(account_id, SECRET, digits, phone, Language.CHINESE)
        assert again.card.card_id == first.card.card_id

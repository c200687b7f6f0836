"""Identity's news of people takes effect exactly once in social, whatever dies and whoever follows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
import sqlalchemy as sa

from hongbao.identity.v1 import events_pb2 as identity
from hongbao.identity.v1.identity_pb2 import TIER_I
from services.mesh.clock import ManualClock
from services.mesh.database.database import DatabaseOverloaded
from services.mesh.feed.port import FeedGap, FeedRecord
from services.social.adapters.people_moving import PeopleKeeper, PeopleMover
from services.social.adapters.people_news import PEOPLE_FEED, RELATIONS, AfterCommit, PeopleSink, hold_people
from services.social.adapters.tables import schema
from services.social.domain.people import PersonEvent, PersonsMerged, PersonVerified
from services.social.domain.relation import PersonId
from services.social.settings import SocialSettings
from tests.integration.people_databases import Abort, database_url, opened
from tests.integration.same_moment import waits_for

__all__ = ["database_url"]

diary = sa.Table(
    "diary_of_the_test", sa.MetaData(), sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False)
)


class Diary:
    """A subject that writes down what it hears, into a table whose key forbids hearing anything twice."""

    def __init__(self) -> None:
        self.heard: list[PersonEvent] = []
        self.woken = 0

    def take(self, connection: sa.Connection, event: PersonEvent) -> AfterCommit | None:
        connection.execute(diary.insert(), {"seq": event.seq})
        self.heard.append(event)
        return self._wake if isinstance(event.news, PersonsMerged) else None

    def _wake(self) -> None:
        self.woken += 1


def verified(seq: int, person: int) -> FeedRecord:
    event = identity.IdentityEvent(person_verified=identity.PersonVerified(person_id=person, tier=TIER_I))
    return FeedRecord(seq, 1000 + seq, "", event)


def merged(seq: int, provisional: int, person: int) -> FeedRecord:
    news = identity.PersonsMerged(provisional_person_id=provisional, person_id=person)
    return FeedRecord(seq, 1000 + seq, "", identity.IdentityEvent(persons_merged=news))


def without_news(seq: int) -> FeedRecord:
    return FeedRecord(seq, 1000 + seq, "", identity.IdentityEvent())


RECORDS: Sequence[FeedRecord] = [
    verified(1, 7),
    without_news(2),
    merged(3, 8, 7),
    verified(4, 9),
    without_news(5),
]


@pytest.mark.parametrize("answer_lost", [False, True])
async def test_news_takes_effect_once_though_commits_are_cut_and_two_replicas_follow(
    database_url: str, *, answer_lost: bool
) -> None:
    settings = SocialSettings(database_url=database_url)
    async with opened(settings, schema) as one, opened(settings, schema) as other:
        diary.create(one._engine)
        first, second = Diary(), Diary()
        sinks = [
            PeopleSink(one, "test", [first.take], batch_records=2),
            PeopleSink(other, "test", [second.take], batch_records=2),
        ]
        cut = {1, 3}
        Abort(one._engine, set() if answer_lost else cut, cut if answer_lost else set())

        await sinks[0].apply(PEOPLE_FEED, RECORDS[:3])
        await sinks[1].apply(PEOPLE_FEED, RECORDS)
        await sinks[0].apply(PEOPLE_FEED, RECORDS[3:])

        assert [await sink.cursor(PEOPLE_FEED) for sink in sinks] == [5, 5]
        kept = await one.read(lambda connection: list(connection.execute(sa.select(diary.c.seq)).scalars()))
        assert sorted(kept) == [1, 3, 4]
        assert [event.seq for event in second.heard] == [4]
        assert second.heard[0].news == PersonVerified(PersonId(9))
        assert first.heard[-1].news == PersonsMerged(PersonId(8), PersonId(7))


async def test_whoever_waits_is_woken_once_the_news_is_durable(database_url: str) -> None:
    settings = SocialSettings(database_url=database_url)
    async with opened(settings, schema) as database:
        diary.create(database._engine)
        subject = Diary()
        sink = PeopleSink(database, "test", [subject.take], batch_records=10)

        await sink.apply(PEOPLE_FEED, RECORDS)

        assert subject.woken == 1


async def test_what_a_handler_refuses_is_undone_with_the_cursor(database_url: str) -> None:
    settings = SocialSettings(database_url=database_url)

    def refuse(_connection: sa.Connection, event: PersonEvent) -> None:
        if event.seq == 3:
            raise ValueError("not this one")

    async with opened(settings, schema) as database:
        diary.create(database._engine)
        sink = PeopleSink(database, "test", [Diary().take, refuse], batch_records=10)

        with pytest.raises(ValueError, match="not this one"):
            await sink.apply(PEOPLE_FEED, RECORDS)

        assert await sink.cursor(PEOPLE_FEED) == 0
        assert (
            await database.read(lambda connection: connection.execute(sa.select(diary.c.seq)).first()) is None
        )


async def test_a_gap_is_not_applied(database_url: str) -> None:
    async with opened(SocialSettings(database_url=database_url), schema) as database:
        sink = PeopleSink(database, "test", [], batch_records=10)

        with pytest.raises(FeedGap):
            await sink.apply(PEOPLE_FEED, RECORDS[1:])


async def test_the_first_news_waits_for_who_holds_people_too(postgres_url: str) -> None:
    settings = SocialSettings(database_url=postgres_url)
    async with opened(settings, schema) as one, opened(settings, schema) as other:
        sink = PeopleSink(other, RELATIONS, [], batch_records=10)
        for records in (RECORDS[:3], RECORDS[3:]):
            assert await waits_for(
                partial(sink.apply, PEOPLE_FEED, records), one, partial(one.write, hold_people)
            )
        assert await sink.cursor(PEOPLE_FEED) == 5


class Looking(PeopleMover):
    """Counts looks, of which the first finds the database too busy."""

    def __init__(self) -> None:
        self.looks: list[int] = []

    async def look_again(self, since_ms: int, merges_max: int) -> None:
        assert merges_max == 5
        self.looks.append(since_ms)
        if len(self.looks) == 1:
            raise DatabaseOverloaded("too many wait for the database")


async def test_recent_merges_are_looked_at_again_and_again_whatever_a_look_meets() -> None:
    clock, mover = ManualClock(now_ms=100_000), Looking()
    keeper = PeopleKeeper(mover, clock, look_ms=1_000, recent_ms=60_000, merges_max=5)
    looking = asyncio.ensure_future(keeper.run())
    for _ in range(2):
        # It sleeps by this clock, as soon as it has run that far.
        await asyncio.sleep(0)
        await clock.advance(1)
    looking.cancel()
    assert mover.looks == [41_000, 42_000]

"""What a shard does with the feeds that it follows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from hongbao.cards.v1 import events_pb2
from services.cards.adapters.feeds import ShardSink, exchange_sink
from services.cards.adapters.records import to_record
from services.cards.domain.errors import GameUnknown
from services.cards.domain.events import Change, FeedSkipped
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.machine import ExchangeKind
from services.cards.domain.shard import CardsShard
from services.cards.domain.vocabulary import Card, PersonId
from services.mesh.feed.port import FeedRecord
from tests.unit.cards.games import ANNA, DEADLINE_MS, OPENS_MS, SPRING, a_part


class ListedShard:
    """A shard whose journal is a list."""

    def __init__(self, *, is_prepared: bool = True) -> None:
        self.state = CardsShard(0)
        self.changes: list[Change] = []
        if is_prepared:
            self.commit(Change(a_part()))

    def commit(self, change: Change) -> Awaitable[int]:
        self.state.happened(change)
        self.changes.append(change)
        durable: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        durable.set_result(len(self.changes))
        return durable

    async def settled(self) -> None:
        """Everything is."""


def gifts(*to_shards: int) -> list[FeedRecord]:
    """Each offered and accepted, in two records."""
    people = [PersonId(9)], [ANNA], [Card.HARMONY.value]
    records: list[FeedRecord] = []
    for number, shard in enumerate(to_shards):
        request_id = number.to_bytes(16, "big")
        opened = ExchangesOpened(
            SPRING, ExchangeKind.GIFT, OPENS_MS, DEADLINE_MS, *people, request_id, [shard]
        )
        ended = ExchangesEnded(SPRING, OPENS_MS, [1], *people, request_id, [3], [shard])
        for change in (Change(opened), Change(ended)):
            records.append(FeedRecord(len(records) + 1, OPENS_MS, "", to_record(change)))
    return records


def of_gifts(shard: ListedShard, rows_per_record_max: int = 100) -> ShardSink:
    return exchange_sink(shard, skip_records=10, rows_per_record_max=rows_per_record_max)


def cards_of(shard: ListedShard, person: PersonId) -> int:
    return sum(shard.state.game(SPRING).holdings.hand_of(person))


async def test_records_without_effect_move_the_cursor_without_a_record() -> None:
    shard = ListedShard()
    sink = of_gifts(shard)
    await sink.apply("cards/1", gifts(2, 3))
    assert await sink.cursor("cards/1") == 4
    assert len(shard.changes) == 1
    # A new owner does not know, and reads them again.
    assert await of_gifts(shard).cursor("cards/1") == 0


async def test_after_many_records_without_effect_the_position_is_kept() -> None:
    shard = ListedShard()
    sink = of_gifts(shard)
    await sink.apply("cards/1", gifts(*[2] * 4))
    assert len(shard.changes) == 1
    await sink.apply("cards/1", [FeedRecord(10, OPENS_MS, "", events_pb2.CardsEvent())])
    assert isinstance(shard.changes[-1].event, FeedSkipped)
    assert await of_gifts(shard).cursor("cards/1") == 10


async def test_only_gifts_to_this_shard_arrive() -> None:
    shard = ListedShard()
    await of_gifts(shard).apply("cards/1", gifts(0, 1, 0, 2))
    assert cards_of(shard, ANNA) == 2
    assert await of_gifts(shard).cursor("cards/1") == 8


async def test_a_gift_ahead_of_its_game_is_refused_whole_and_arrives_later() -> None:
    shard = ListedShard(is_prepared=False)
    sink = of_gifts(shard)
    with pytest.raises(GameUnknown):
        await sink.apply("cards/1", gifts(1, 0))
    assert await sink.cursor("cards/1") == 0
    shard.commit(Change(a_part()))
    await sink.apply("cards/1", gifts(1, 0))
    assert cards_of(shard, ANNA) == 1


async def test_many_gifts_arrive_with_one_record_and_very_many_with_several() -> None:
    for rows_per_record_max, record_count in ((100, 1), (6, 2), (1, 12)):
        shard = ListedShard()
        await of_gifts(shard, rows_per_record_max).apply("cards/1", gifts(*[0] * 6))
        assert cards_of(shard, ANNA) == 6
        assert len(shard.changes) == 1 + record_count

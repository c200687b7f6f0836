"""What a shard does with the feeds that it follows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from hongbao.cards.v1 import events_pb2
from hongbao.social.v1 import events_pb2 as social_events_pb2
from services.cards.adapters.feeds import ShardSink, friend_sink, gift_sink
from services.cards.adapters.records import to_record
from services.cards.domain.errors import GameUnknown
from services.cards.domain.events import Change, FeedSkipped, GiftSent
from services.cards.domain.holdings import hand
from services.cards.domain.shard import CardsShard
from services.cards.domain.vocabulary import Card, PersonId
from services.mesh.feed.port import FeedRecord
from tests.unit.cards.games import ANNA, BAO, DEADLINE_MS, OPENS_MS, SPRING, a_part, everyone


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


def friendships(*pairs: tuple[int, int], first_seq: int = 1, made_at_ms: int = OPENS_MS) -> list[FeedRecord]:
    return [
        FeedRecord(
            seq,
            made_at_ms,
            "",
            social_events_pb2.SocialEvent(
                friendship_made=social_events_pb2.FriendshipMade(low_person_id=low, high_person_id=high)
            ),
        )
        for seq, (low, high) in enumerate(pairs, start=first_seq)
    ]


def gifts(*to_shards: int) -> list[FeedRecord]:
    sent = (
        GiftSent(SPRING, str(number), PersonId(9), ANNA, Card.HARMONY, to_shard, OPENS_MS)
        for number, to_shard in enumerate(to_shards)
    )
    return [FeedRecord(seq, OPENS_MS, "", to_record(Change(gift))) for seq, gift in enumerate(sent, start=1)]


def of_friends(shard: ListedShard, now_ms: int = OPENS_MS, cards_per_record_max: int = 100) -> ShardSink:
    return friend_sink(
        shard,
        now_ms=lambda: now_ms,
        is_own=everyone,
        skip_records=10,
        cards_per_record_max=cards_per_record_max,
    )


def of_gifts(shard: ListedShard) -> ShardSink:
    return gift_sink(shard, skip_records=10, batch_records=100)


def cards_of(shard: ListedShard, person: PersonId) -> int:
    return sum(hand.counts(shard.state.game(SPRING).holdings.hand_of(person)))


async def test_a_batch_of_friendships_becomes_one_record_with_its_position() -> None:
    shard = ListedShard()
    await of_friends(shard).apply("social/0", friendships((1, 2), (1, 3), (2, 3)))
    assert len(shard.changes) == 2
    assert shard.changes[1].position is not None
    assert shard.changes[1].position.source_seq == 3
    assert [cards_of(shard, PersonId(person)) for person in (1, 2, 3)] == [2, 2, 2]


async def test_who_part_and_meet_again_earn_nothing_more() -> None:
    shard = ListedShard()
    ended = social_events_pb2.FriendshipEnded(low_person_id=1, high_person_id=2, ending_person_id=2)
    parting = [FeedRecord(2, OPENS_MS, "", social_events_pb2.SocialEvent(friendship_ended=ended))]
    sink = of_friends(shard)
    # All of it in one batch, and the last of it in another.
    await sink.apply("social/0", friendships((1, 2)) + parting + friendships((1, 2), first_seq=3))
    await sink.apply("social/0", friendships((1, 2), first_seq=4))
    assert [cards_of(shard, PersonId(person)) for person in (1, 2)] == [1, 1]
    assert await sink.cursor("social/0") == 4


async def test_a_large_batch_is_cut_into_records_of_bounded_size() -> None:
    shard = ListedShard()
    await of_friends(shard, cards_per_record_max=4).apply(
        "social/0", friendships(*((1, other) for other in range(2, 7)))
    )
    assert len(shard.changes) == 1 + 3
    assert cards_of(shard, ANNA) == 5


@pytest.mark.parametrize("made_at_ms", [OPENS_MS - 1, DEADLINE_MS])
async def test_a_friendship_from_outside_the_game_earns_nothing(made_at_ms: int) -> None:
    shard = ListedShard()
    await of_friends(shard).apply("social/0", friendships((1, 2), made_at_ms=made_at_ms))
    assert cards_of(shard, ANNA) == 0


async def test_a_friendship_that_is_read_after_the_deadline_earns_nothing() -> None:
    shard = ListedShard()
    await of_friends(shard, now_ms=DEADLINE_MS).apply("social/0", friendships((1, 2)))
    assert cards_of(shard, ANNA) == 0


async def test_a_friendship_earns_although_this_clock_is_behind_socials() -> None:
    shard = ListedShard()
    await of_friends(shard, now_ms=OPENS_MS - 50).apply("social/0", friendships((1, 2)))
    assert (cards_of(shard, ANNA), cards_of(shard, BAO)) == (1, 1)


async def test_records_without_effect_move_the_cursor_without_a_record() -> None:
    shard = ListedShard()
    sink = of_gifts(shard)
    await sink.apply("cards/1", gifts(2, 3))
    assert await sink.cursor("cards/1") == 2
    assert len(shard.changes) == 1
    # A new owner does not know, and reads them again.
    assert await of_gifts(shard).cursor("cards/1") == 0


async def test_after_many_records_without_effect_the_position_is_kept() -> None:
    shard = ListedShard()
    sink = of_gifts(shard)
    await sink.apply("cards/1", gifts(*[2] * 9))
    assert len(shard.changes) == 1
    await sink.apply("cards/1", [FeedRecord(10, OPENS_MS, "", events_pb2.CardsEvent())])
    assert isinstance(shard.changes[-1].event, FeedSkipped)
    assert await of_gifts(shard).cursor("cards/1") == 10


async def test_only_gifts_to_this_shard_arrive() -> None:
    shard = ListedShard()
    await of_gifts(shard).apply("cards/1", gifts(0, 1, 0, 2))
    assert cards_of(shard, ANNA) == 2
    assert await of_gifts(shard).cursor("cards/1") == 4


async def test_a_gift_ahead_of_its_game_is_refused_whole_and_arrives_later() -> None:
    shard = ListedShard(is_prepared=False)
    sink = of_gifts(shard)
    with pytest.raises(GameUnknown):
        await sink.apply("cards/1", gifts(1, 0))
    assert await sink.cursor("cards/1") == 0
    shard.commit(Change(a_part()))
    await sink.apply("cards/1", gifts(1, 0))
    assert cards_of(shard, ANNA) == 1


async def test_events_of_later_versions_are_passed_over() -> None:
    shard = ListedShard()
    unknown: Sequence[FeedRecord] = [FeedRecord(1, OPENS_MS, "", social_events_pb2.SocialEvent())]
    sink = of_friends(shard)
    await sink.apply("social/0", unknown)
    assert await sink.cursor("social/0") == 1

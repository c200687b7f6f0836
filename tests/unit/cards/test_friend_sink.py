"""What a shard does with new friends: cards for both, as long as there are any."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from hongbao.social.v1 import events_pb2 as social_events_pb2
from services.cards.adapters.feeds import FriendSink
from services.cards.domain.events import Change
from services.cards.domain.ports import OwnedShard
from services.cards.domain.shard import CardsShard
from services.cards.domain.supply.errors import SupplyAwaited
from services.cards.domain.supply.grants import NO_DEALS, DeckReceived, Grant, SupplyEnded
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CampaignId, PersonId, Source
from services.mesh.feed.port import FeedRecord
from tests.unit.cards.games import ANNA, BAO, DEADLINE_MS, OPENS_MS, PLENTY, SPRING, a_part, everything


class ListedShard:
    """A shard whose journal is a list."""

    def __init__(self, supply: SupplyPlan = PLENTY) -> None:
        self.state = CardsShard(0)
        self.changes: list[Change] = []
        self.commit(Change(a_part()))
        self.commit(Change(everything(supply)))

    def commit(self, change: Change) -> Awaitable[int]:
        self.state.happened(change)
        self.changes.append(change)
        durable: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        durable.set_result(len(self.changes))
        return durable

    async def settled(self) -> None:
        """Everything is."""


class Coming:
    """Supplies of which some come when they are waited for."""

    def __init__(self, *grants: Grant) -> None:
        self.grants = list(grants)
        self.waited: list[int] = []

    async def more(self, shard: OwnedShard, campaign_id: CampaignId, source: Source, count: int) -> bool:
        assert source is Source.FRIEND
        self.waited.append(count)
        if self.grants:
            shard.commit(Change(DeckReceived(campaign_id, self.grants.pop(0))))
            return True
        return False

    def dealt(self, shard: OwnedShard, campaign_id: CampaignId) -> None:
        """Nobody asks."""

    def retry_after_ms(self, shard: OwnedShard, campaign_id: CampaignId, source: Source) -> int:
        assert (shard.state.number, campaign_id, source) == (0, SPRING, Source.FRIEND)
        return 100


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


def of_friends(
    shard: ListedShard,
    now_ms: int = OPENS_MS,
    cards_per_record_max: int = 100,
    supplies: Coming | None = None,
) -> FriendSink:
    return FriendSink(
        shard,
        supplies or Coming(),
        now_ms=lambda: now_ms,
        is_own=lambda _: True,
        skip_records=10,
        cards_per_record_max=cards_per_record_max,
    )


def cards_of(shard: ListedShard, person: PersonId) -> int:
    return sum(shard.state.game(SPRING).holdings.hand_of(person))


async def test_a_batch_of_friendships_becomes_one_record_with_its_position() -> None:
    shard = ListedShard()
    await of_friends(shard).apply("social/0", friendships((1, 2), (1, 3), (2, 3)))
    assert len(shard.changes) == 3
    assert shard.changes[2].position is not None
    assert shard.changes[2].position.source_seq == 3
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


async def test_a_friendship_that_moved_to_another_number_earns_nothing_more() -> None:
    shard = ListedShard()
    (moved,) = friendships((1, 2))
    assert isinstance(moved.event, social_events_pb2.SocialEvent)
    moved.event.friendship_made.by_merge = True
    await of_friends(shard).apply("social/0", [moved])
    assert [cards_of(shard, PersonId(person)) for person in (1, 2)] == [0, 0]


async def test_a_large_batch_is_cut_into_records_of_bounded_size() -> None:
    shard = ListedShard()
    await of_friends(shard, cards_per_record_max=4).apply(
        "social/0", friendships(*((1, other) for other in range(2, 7)))
    )
    assert len(shard.changes) == 2 + 3
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


def a_supply(cards: int) -> SupplyPlan:
    return SupplyPlan((cards, 0, 0, 0, 0), (100, 0, 0, 0))


async def test_friends_wait_for_cards_that_are_under_way() -> None:
    shard, supplies = ListedShard(a_supply(1)), Coming(Grant(2, (0, 9, 0, 0, 0), NO_DEALS))
    await of_friends(shard, supplies=supplies).apply("social/0", friendships((1, 2), (3, 4)))
    assert supplies.waited == [3]
    assert [cards_of(shard, PersonId(person)) for person in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert shard.state.positions["social/0"] == 2


async def test_the_feed_does_not_move_while_home_has_not_said_no() -> None:
    shard = ListedShard(a_supply(1))
    sink = of_friends(shard)
    with pytest.raises(SupplyAwaited, match="spring-2016"):
        await sink.apply("social/0", friendships((1, 2)))
    assert await sink.cursor("social/0") == 0
    assert cards_of(shard, ANNA) + cards_of(shard, BAO) == 1
    shard.commit(Change(DeckReceived(SPRING, Grant(2, (0, 9, 0, 0, 0), NO_DEALS))))
    await sink.apply("social/0", friendships((1, 2)))
    assert (cards_of(shard, ANNA), cards_of(shard, BAO)) == (1, 1)


async def test_friends_who_come_after_the_last_card_are_passed_over() -> None:
    shard = ListedShard(a_supply(1))
    shard.commit(Change(SupplyEnded(SPRING, is_supply_ended=True, sources=())))
    sink = of_friends(shard)
    await sink.apply("social/0", friendships((1, 2), (3, 4)))
    assert await sink.cursor("social/0") == 2
    assert sum(cards_of(shard, PersonId(person)) for person in (1, 2, 3, 4)) == 1


async def test_events_of_later_versions_are_passed_over() -> None:
    shard = ListedShard()
    unknown: Sequence[FeedRecord] = [FeedRecord(1, OPENS_MS, "", social_events_pb2.SocialEvent())]
    sink = of_friends(shard)
    await sink.apply("social/0", unknown)
    assert await sink.cursor("social/0") == 1

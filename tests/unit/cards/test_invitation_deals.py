"""What a shard does with invitations that were fulfilled: a card for both, once for a pair."""

from __future__ import annotations

import pytest

from hongbao.cards.v1 import events_pb2
from hongbao.social.v1 import events_pb2 as social_events_pb2
from services.cards.contract import supply_from_contract
from services.cards.domain.supply.grants import DeckReceived, Grant, by_source, source_column
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import PersonId, Source
from services.cards.supply_contract import grant_from_contract, grant_to_contract, read_supply_event
from services.mesh.feed.port import FeedRecord
from services.mesh.timestamps import timestamp
from tests.unit.cards.games import DEADLINE_MS, OPENS_MS, SPRING
from tests.unit.cards.test_friend_sink import ListedShard, cards_of, friendships, of_friends

OF_BOTH = SupplyPlan((1_000,) * 5, (1_000, 0, 0, 0, 1_000))


def fulfilled(
    inviting: int, invited: int, seq: int = 1, at_ms: int = OPENS_MS, campaign: str = SPRING
) -> FeedRecord:
    event = social_events_pb2.InvitationFulfilled(
        campaign_id=campaign,
        inviting_person_id=inviting,
        invited_person_id=invited,
        fulfilled_at=timestamp(at_ms),
    )
    # Social wrote the record later than it happened.
    return FeedRecord(seq, at_ms + 60_000, "", social_events_pb2.SocialEvent(invitation_fulfilled=event))


async def test_both_get_a_card_out_of_the_quota_of_invitations() -> None:
    shard = ListedShard(OF_BOTH)
    await of_friends(shard).apply("social/0", [fulfilled(2, 1)])
    assert [cards_of(shard, PersonId(person)) for person in (1, 2)] == [1, 1]
    assert shard.state.game(SPRING).issued.from_sources[Source.INVITATION - 1] == 2


async def test_who_invited_whom_changes_nothing_about_the_pair() -> None:
    shard = ListedShard(OF_BOTH)
    await of_friends(shard).apply("social/0", [fulfilled(2, 1), fulfilled(1, 2, seq=2)])
    assert [cards_of(shard, PersonId(person)) for person in (1, 2)] == [1, 1]


async def test_being_friends_and_having_been_invited_are_two_things_also_in_one_batch() -> None:
    shard = ListedShard(OF_BOTH)
    batch = [*friendships((1, 2)), fulfilled(2, 1, seq=2), *friendships((1, 3), first_seq=3)]
    await of_friends(shard).apply("social/0", batch)
    assert [cards_of(shard, PersonId(person)) for person in (1, 2, 3)] == [3, 2, 1]
    assert await of_friends(shard).cursor("social/0") == 3


async def test_who_part_and_meet_again_earn_nothing_more_for_having_been_invited() -> None:
    shard = ListedShard(OF_BOTH)
    sink = of_friends(shard)
    await sink.apply("social/0", [*friendships((1, 2)), fulfilled(2, 1, seq=2)])
    before = [cards_of(shard, PersonId(person)) for person in (1, 2)]
    await sink.apply("social/0", friendships((1, 2), first_seq=3))
    assert [cards_of(shard, PersonId(person)) for person in (1, 2)] == before == [2, 2]


@pytest.mark.parametrize(
    ("at_ms", "campaign"),
    [(OPENS_MS - 1, SPRING), (DEADLINE_MS, SPRING), (OPENS_MS, "another-campaign")],
)
async def test_outside_of_its_game_an_invitation_earns_nothing(at_ms: int, campaign: str) -> None:
    shard = ListedShard(OF_BOTH)
    sink = of_friends(shard)
    await sink.apply("social/0", [fulfilled(2, 1, at_ms=at_ms, campaign=campaign)])
    assert [cards_of(shard, PersonId(person)) for person in (1, 2)] == [0, 0]
    assert await sink.cursor("social/0") == 1


async def test_a_game_without_a_quota_for_invitations_goes_on() -> None:
    shard = ListedShard(SupplyPlan((1_000,) * 5, (1_000, 0, 0, 0)))
    sink = of_friends(shard)
    await sink.apply("social/0", [fulfilled(2, 1), *friendships((1, 2), first_seq=2)])
    assert [cards_of(shard, PersonId(person)) for person in (1, 2)] == [1, 1]
    assert await sink.cursor("social/0") == 2


def test_what_was_written_before_there_were_invitations_reads_as_none() -> None:
    old = events_pb2.CardsEvent(
        deck_received=events_pb2.DeckReceived(
            campaign_id=SPRING,
            grant=events_pb2.SupplyGrant(
                lease_no=1, cards_by_kind=[1, 0, 0, 0, 0], deals_by_source=[0, 1, 0, 0]
            ),
        )
    )
    assert read_supply_event(old) == DeckReceived(SPRING, Grant(1, (1, 0, 0, 0, 0), (0, 1, 0, 0, 0)))
    plan = supply_from_contract(events_pb2.SupplyPlan())
    assert plan.quotas == (0,) * 5


@pytest.mark.parametrize(
    ("counts", "written"), [((0, 1, 0, 0, 0), [0, 1, 0, 0]), ((0, 0, 0, 0, 2), [0, 0, 0, 0, 2])]
)
def test_what_needs_no_invitations_is_written_as_before(counts: tuple[int, ...], written: list[int]) -> None:
    grant = Grant(1, (3, 0, 0, 0, 0), counts)
    assert list(grant_to_contract(grant).deals_by_source) == written == list(source_column(counts))
    assert grant_from_contract(grant_to_contract(grant)) == grant
    assert by_source(written) == counts

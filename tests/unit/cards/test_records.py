from __future__ import annotations

from dataclasses import replace

import pytest

from hongbao.cards.v1 import events_pb2
from services.cards.adapters.records import from_record, to_record
from services.cards.adapters.state import CardsState
from services.cards.contract import without_secrets
from services.cards.domain.events import (
    CardsDealt,
    Change,
    Deal,
    FeedPosition,
    FeedSkipped,
    GameCreated,
    GameFunded,
    GameRefused,
    SetsCompleted,
    SetUndone,
    ShardSealed,
)
from services.cards.domain.exchanges.events import (
    ExchangesEnded,
    ExchangesFollowed,
    ExchangesOpened,
    FollowedPart,
)
from services.cards.domain.exchanges.machine import ExchangeKind
from services.cards.domain.sets.pool import decide_pool
from services.cards.domain.vocabulary import Card, ShareMode, Source
from tests.unit.cards.games import (
    ANNA,
    BAO,
    DEADLINE_MS,
    OPENS_MS,
    SEED,
    SPRING,
    a_part,
    an_order,
    lucky_seals,
    seals,
)

CREATED = GameCreated(an_order(), SEED, shard_count=2)
LUCKY = replace(CREATED, order=an_order(share_mode=ShareMode.LUCKY))
CHANGES = [
    Change(LUCKY),
    Change(CREATED),
    Change(replace(CREATED, order=replace(an_order(), winnings_wait_until_at_ms=DEADLINE_MS + 1))),
    Change(GameFunded(SPRING)),
    Change(GameRefused(SPRING)),
    Change(a_part()),
    Change(CardsDealt(()), FeedPosition("social/0", 7)),
    Change(
        ExchangesOpened(
            SPRING, ExchangeKind.GIFT, OPENS_MS, DEADLINE_MS, [ANNA], [BAO], [3], bytes(range(16)), [1]
        )
    ),
    Change(ExchangesEnded(SPRING, OPENS_MS, [1], [ANNA], [BAO], [3], bytes(range(16)), [3], [1])),
    Change(
        ExchangesFollowed(
            (
                FollowedPart(
                    8,
                    ExchangesOpened(
                        SPRING, ExchangeKind.ASK, OPENS_MS, DEADLINE_MS, [BAO], [ANNA], [5], bytes(16), []
                    ),
                ),
                FollowedPart(
                    9, ExchangesEnded(SPRING, OPENS_MS, [2], [BAO], [ANNA], [5], bytes(16), [4], [])
                ),
            )
        ),
        FeedPosition("cards/1", 9),
    ),
    Change(SetsCompleted(SPRING, [ANNA, BAO], [OPENS_MS + 1, OPENS_MS + 2])),
    Change(SetsCompleted(SPRING, [ANNA], [OPENS_MS + 1], b"\xc7")),
    Change(SetUndone(SPRING, ANNA)),
    Change(ShardSealed(SPRING, 1, 3, (5, 4, 3, 2, 1), DEADLINE_MS)),
    *map(Change, lucky_seals({1: 2, 199: 1})),
    Change(decide_pool(CREATED, seals(1, 2))),
    Change(decide_pool(LUCKY, lucky_seals({1: 2}, {199: 1}))),
    Change(a_part(share_mode=ShareMode.LUCKY)),
    Change(FeedSkipped(), FeedPosition("cards/3", 2_000)),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change.event).__name__)
def test_a_change_survives_its_record(change: Change) -> None:
    payload = to_record(change).SerializeToString()
    assert from_record(events_pb2.CardsEvent.FromString(payload)) == change


def test_a_deal_survives_its_record_column_by_column() -> None:
    deal = Deal(SPRING, Source.TAP, 3, [1, 2], [Card.HARMONY, Card.DEDICATION], ["round-1"])
    payload = to_record(Change(CardsDealt((deal,)))).SerializeToString()
    event = from_record(events_pb2.CardsEvent.FromString(payload)).event
    assert isinstance(event, CardsDealt)
    read = event.deals[0]
    assert (list(read.person_ids), list(read.cards), list(read.source_keys)) == ([1, 2], [3, 5], ["round-1"])
    assert (read.campaign_id, read.source, read.first_draw_index) == (SPRING, Source.TAP, 3)


def test_a_record_of_a_later_version_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="does not know"):
        from_record(events_pb2.CardsEvent())


def test_seeds_and_keys_are_taken_out_of_feeds_and_nothing_else() -> None:
    created, prepared = to_record(Change(CREATED)), to_record(Change(a_part()))
    without_secrets(created)
    without_secrets(prepared)
    assert not created.game_created.seed
    assert created.game_created.seed_commitment
    assert not prepared.game_prepared.draw_key
    assert prepared.game_prepared.supply == to_record(Change(a_part())).game_prepared.supply


def test_a_snapshot_of_another_shard_is_refused() -> None:
    with pytest.raises(ValueError, match="shard 1, not of 0"):
        CardsState(0).restore(CardsState(1).snapshot())

"""Winnings of people whom nobody knows: they wait, are paid, go on, or go back."""

from __future__ import annotations

import pytest

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.accounts import BALANCE_FEN_MAX
from services.settlement.domain.errors import Contradiction, PersonUnverified
from services.settlement.domain.registers import Hold, HoldPart, HoldPurpose
from tests.unit.settlement.people.world import (
    DAY_MS,
    FAR,
    GRACE_MS,
    GUEST,
    KNOWN,
    PART,
    SHARDS,
    WAITS_MS,
    PeopleWorld,
    expect_sound,
    funded,
)
from tests.unit.settlement.world import CAMPAIGN, ROUND, SPONSOR


def test_a_batch_goes_to_wallets_and_what_strangers_won_waits() -> None:
    world = funded()
    world.verify(KNOWN)

    world.packets_won(PART, [KNOWN, GUEST], [30, 50])
    world.settle()

    assert (world.wallet_fen(KNOWN), world.wallet_fen(GUEST)) == (30, 0)
    assert world.balance_fen(f"waiting:{GUEST}:{ROUND}") == world.waiting_fen(GUEST) == 50
    expect_sound(world)


def test_where_all_are_known_one_column_is_enough() -> None:
    world = funded()
    world.verify(KNOWN)
    world.verify(GUEST)
    world.settle()

    world.packets_won(PART, [KNOWN, GUEST], [30, 50])
    world.settle()

    event = pb.SettlementEvent.FromString(world.journals[shard_of(KNOWN, SHARDS)][-1])
    assert len(event.wallet_credits) == 1
    assert not event.wallet_credits[0].waiting_hold_id


def test_what_waits_is_paid_when_its_person_is_verified() -> None:
    world = funded()
    world.packets_won(PART, [GUEST], [50])
    world.settle()

    world.verify(GUEST)
    world.settle()

    assert (world.wallet_fen(GUEST), world.waiting_fen(GUEST)) == (50, 0)
    assert f"waiting:{GUEST}:{ROUND}" not in world.states[shard_of(GUEST, SHARDS)].ledger.accounts
    expect_sound(world)


def test_prizes_wait_as_packets_do() -> None:
    world = funded()
    world.hold_pool(900)
    for person_id in (KNOWN, GUEST, FAR):
        world.set_completed(person_id)
    world.verify(KNOWN)
    world.decide_pool(900)
    world.settle()

    assert [world.wallet_fen(person) for person in (KNOWN, GUEST, FAR)] == [300, 0, 0]
    assert [world.waiting_fen(person) for person in (KNOWN, GUEST, FAR)] == [0, 300, 300]

    world.verify(FAR)
    world.settle()

    assert world.wallet_fen(FAR) == 300
    expect_sound(world)


def test_what_nobody_claims_in_time_goes_back_to_its_sponsor() -> None:
    world = funded()
    world.packets_won(PART, [GUEST], [50])
    world.settle()
    before_fen = world.balance_fen(f"sponsor:{SPONSOR}")

    world.now_ms += WAITS_MS + GRACE_MS
    world.settle()
    assert world.waiting_fen(GUEST) == 50

    world.now_ms += 1
    world.settle()

    assert world.waiting_fen(GUEST) == 0
    assert world.balance_fen(f"sponsor:{SPONSOR}") == before_fen + 50
    sponsor_shard = world.states[shard_of(SPONSOR, SHARDS)]
    assert sponsor_shard.registers.returned_fen[ROUND] == 50
    expect_sound(world)


def test_nothing_goes_back_as_long_as_nobody_tells_who_is_verified() -> None:
    world = funded()
    world.packets_won(PART, [GUEST], [50])
    world.settle()
    won_ms = world.now_ms
    for heard_ms in (0, won_ms, won_ms + WAITS_MS + GRACE_MS):
        world.heard_ms[shard_of(GUEST, SHARDS)] = heard_ms
        world.now_ms += 2 * WAITS_MS
        world.settle()
        assert world.waiting_fen(GUEST) == 50

    world.verify(GUEST)
    world.settle()
    assert world.wallet_fen(GUEST) == 50


def test_what_was_over_by_the_last_news_of_people_goes_back_though_no_more_come() -> None:
    world = funded()
    world.packets_won(PART, [GUEST], [50])
    world.settle()
    world.heard_ms[shard_of(GUEST, SHARDS)] = world.now_ms + WAITS_MS + GRACE_MS + 1

    world.now_ms += 2 * WAITS_MS
    world.settle()

    assert world.waiting_fen(GUEST) == 0
    expect_sound(world)


def test_a_campaign_says_how_long_its_winnings_wait() -> None:
    world = PeopleWorld()
    until_ms = world.now_ms + 5 * DAY_MS
    world = funded(waits_until_ms=until_ms)
    world.packets_won(PART, [GUEST], [50])
    world.settle()

    world.now_ms = until_ms + GRACE_MS
    world.settle()
    assert world.waiting_fen(GUEST) == 50

    world.now_ms += 1
    world.settle()
    assert world.waiting_fen(GUEST) == 0
    expect_sound(world)


def test_the_rule_of_a_pool_goes_with_its_shares() -> None:
    world = PeopleWorld()
    until_ms = world.now_ms + 5 * DAY_MS
    world.deposit(10_000)
    world.hold(Hold("spring.pool", CAMPAIGN, SPONSOR, HoldPurpose.POOL, (HoldPart(0, 600),), until_ms))
    for person_id in (GUEST, FAR):
        world.set_completed(person_id)
    world.decide_pool(600)
    world.settle()

    for person_id in (GUEST, FAR):
        (item,) = world.states[shard_of(person_id, SHARDS)].waiting.of_person(person_id)
        assert item.waits_until_ms == until_ms


def test_who_is_not_verified_sends_nothing() -> None:
    world = funded()
    world.verify(KNOWN)
    world.packets_won(PART, [KNOWN], [90])
    world.settle()
    world.send(KNOWN, GUEST, 40, number=1)
    world.settle()

    with pytest.raises(PersonUnverified):
        world.send(GUEST, KNOWN, 40, number=2)


def test_a_sponsor_whose_account_is_full_still_gets_back_what_waited() -> None:
    world = funded()
    world.packets_won(PART, [GUEST], [50])
    world.settle()
    rest_fen = BALANCE_FEN_MAX - world.balance_fen(f"sponsor:{SPONSOR}")
    world.deposit(rest_fen, request_id="00000001-0000-4000-8000-000000000000")

    world.now_ms += WAITS_MS + GRACE_MS + 1
    world.settle()

    assert world.balance_fen(f"sponsor:{SPONSOR}") == BALANCE_FEN_MAX + 50
    assert world.waiting_fen(GUEST) == 0


def test_nothing_of_what_was_decided_is_remembered_as_a_request() -> None:
    world = funded()
    world.packets_won(PART, [GUEST], [50])
    world.verify(GUEST)
    world.settle()
    state = world.states[shard_of(GUEST, SHARDS)]

    assert not [transfer_id for transfer_id in state.ledger.digests if transfer_id.startswith("waiting:")]


def test_a_tier_that_nobody_has_heard_of_contradicts_the_books() -> None:
    world = funded()
    world.verify(KNOWN, tier=9)

    with pytest.raises(Contradiction, match="there is no tier 9"):
        world.deliver(shard_of(KNOWN, SHARDS), "identity/0")

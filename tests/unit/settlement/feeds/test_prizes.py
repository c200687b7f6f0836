"""Completed sets, the division of a pool, and its payout."""

from __future__ import annotations

import pytest

from hongbao.cards.v1 import events_pb2 as cards
from services.cards.domain.sets.luck import LUCK_CLASSES, luck_classes, lucky_shares
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.errors import Contradiction, FundsInTransit
from tests.unit.settlement.world import (
    LUCK_KEY,
    POOL,
    World,
    funded,
    lucky_pool_decided,
    persons,
    pool_decided,
)


def test_a_decided_pool_is_shared_equally_and_the_rest_is_booked() -> None:
    world = funded([1], pool_fen=1000)
    people = [*persons(0, 4, 4), *persons(1, 4, 2), *persons(3, 4, 1)]
    for person in people:
        world.set_completed(person)
    world.decide_pool(1000)
    world.deliver_all()
    assert [world.balance_fen(f"wallet:{person}") for person in people] == [142] * 7
    assert world.balance_fen("remainder:spring") == 1000 - 7 * 142
    assert world.balance_fen("pool:spring") == 0


def test_sets_of_one_record_are_shared_out_as_those_of_many() -> None:
    world = funded([1], pool_fen=1000)
    people = [*persons(0, 4, 4), *persons(1, 4, 3)]
    world.sets_completed(people[:4])
    world.sets_completed(people[4:])
    world.decide_pool(1000)
    world.deliver_all()
    assert [world.balance_fen(f"wallet:{person}") for person in people] == [142] * 7
    assert world.balance_fen("remainder:spring") == 6


def test_lucky_shares_go_by_luck_and_the_rest_is_booked() -> None:
    world = funded([1], pool_fen=1000)
    world.lucky = True
    people = [*persons(0, 4, 4), *persons(1, 4, 2), *persons(3, 4, 1)]
    world.sets_completed(people[:4])
    for person in people[4:]:
        world.set_completed(person)
    world.decide_pool(1000)
    world.deliver_all()
    sets_by_luck = [0] * LUCK_CLASSES
    lucks = luck_classes(LUCK_KEY, people)
    for luck in lucks:
        sets_by_luck[luck - 1] += 1
    shares_fen = lucky_shares(1000, sets_by_luck)
    paid_fen = [world.balance_fen(f"wallet:{person}") for person in people]
    assert paid_fen == [shares_fen[luck - 1] for luck in lucks]
    assert len(set(paid_fen)) > 1
    assert sum(paid_fen) + world.balance_fen("remainder:spring") == 1000
    assert world.balance_fen("pool:spring") == 0
    assert world.books().sound


def test_a_set_that_was_undone_is_not_paid() -> None:
    world = funded([1], pool_fen=1000)
    people = persons(0, 4, 3)
    world.sets_completed(people)
    world.set_undone(people[1])
    world.decide_pool(1000)
    world.deliver_all()
    assert [world.balance_fen(f"wallet:{person}") for person in people] == [500, 0, 500]


@pytest.mark.parametrize("lucky", [False, True])
def test_whose_set_was_undone_may_complete_again(lucky: bool) -> None:  # noqa: FBT001 - pytest names it
    world = funded([1], pool_fen=1000)
    world.lucky = lucky
    people = persons(0, 4, 3)
    world.sets_completed(people)
    world.set_undone(people[0])
    world.set_completed(people[0])
    world.deliver_all()
    world.crash(0, snapshot_seq=len(world.journals[0]))
    assert world.states[0].completers("spring", 0).person_ids == [people[1], people[2], people[0]]
    world.decide_pool(1000)
    world.deliver_all()
    paid_fen = sum(world.balance_fen(f"wallet:{person}") for person in people)
    assert paid_fen + world.balance_fen("remainder:spring") == 1000


@pytest.mark.parametrize(
    ("completed", "says"),
    [
        (cards.SetsCompleted(campaign_id="spring"), "nobody"),
        (cards.SetsCompleted(campaign_id="spring", person_ids=persons(0, 4, 1) * 2), "second time"),
        (cards.SetsCompleted(campaign_id="spring", person_ids=persons(1, 4, 1)), "another shard"),
        (cards.SetsCompleted(campaign_id="spring", person_ids=persons(0, 4, 2), luck_classes=b"a"), "luck"),
        (cards.SetsCompleted(campaign_id="spring", person_ids=persons(0, 4, 1), luck_classes=b"\0"), "luck"),
        (
            cards.SetsCompleted(campaign_id="spring", person_ids=persons(0, 4, 1), luck_classes=b"\xc8"),
            "luck",
        ),
    ],
)
def test_sets_that_cannot_be_stop_the_feed(completed: cards.SetsCompleted, says: str) -> None:
    world = World()
    world.feeds["cards/0"].append(cards.CardsEvent(sets_completed=completed))
    with pytest.raises(Contradiction, match=says):
        world.deliver(0, "cards/0")


def test_luck_comes_with_all_sets_of_a_game_or_with_none() -> None:
    world = World()
    one, other = persons(0, 4, 2)
    world.sets_completed([one])
    world.lucky = True
    world.sets_completed([other])
    with pytest.raises(Contradiction, match="luck"):
        world.deliver(0, "cards/0")


def test_nothing_is_undone_that_was_not_completed_or_is_decided() -> None:
    world = funded([1], pool_fen=1000)
    person = persons(0, 4, 1)[0]
    world.set_undone(person)
    with pytest.raises(Contradiction, match="not completed"):
        world.deliver(0, "cards/0")
    world.feeds["cards/0"].clear()
    world.set_completed(person)
    world.decide_pool(1000)
    world.set_undone(person)
    with pytest.raises(Contradiction, match="after the decision"):
        world.deliver_all()


def test_a_pool_that_nobody_completed_for_goes_back_to_the_sponsor() -> None:
    world = funded([1], pool_fen=1000)
    world.decide_pool(1000)
    world.deliver_all()
    assert world.balance_fen("sponsor:7") == 1000
    assert world.balance_fen("remainder:spring") == 0
    assert world.states[shard_of(7, 2)].registers.returned_fen == {POOL: 1000}


def test_a_pool_with_less_fen_than_sets_is_all_remainder() -> None:
    world = funded([1], pool_fen=2)
    for person in persons(0, 4, 3):
        world.set_completed(person)
    world.decide_pool(2)
    world.deliver_all()
    assert world.balance_fen("remainder:spring") == 2


@pytest.mark.parametrize("lucky", [False, True])
def test_a_payout_in_batches_goes_on_after_a_crash_at_every_step(lucky: bool) -> None:  # noqa: FBT001 - pytest names it
    world = funded([1], pool_fen=1000)
    world.lucky = lucky
    home = world.campaign_home
    source, people = f"cards/{home}", persons(home, 4, 8)
    for person in people:
        world.set_completed(person)
    world.decide_pool(1000)
    world.deliver(home, source, records=8)
    steps = 0
    while world.step(home, source, 9, world.feed(source)[-1]):
        world.crash(home)
        steps += 1
        assert world.books().sound
    assert steps == 4  # The division, and eight people by threes.
    paid_fen = [world.balance_fen(f"wallet:{person}") for person in people]
    world.deliver_all()
    assert sum(paid_fen) + world.balance_fen("remainder:spring") == 1000
    assert lucky or paid_fen == [125] * 8


def test_a_record_in_the_middle_of_its_payout_is_shown_but_not_counted_as_a_difference() -> None:
    world = funded([1], pool_fen=800)
    for person in persons(world.campaign_home, 4, 8):
        world.set_completed(person)
    world.decide_pool(800)
    source = f"cards/{world.campaign_home}"
    world.deliver(world.campaign_home, source, records=8)
    world.step(world.campaign_home, source, 9, world.feed(source)[-1])
    world.step(world.campaign_home, source, 9, world.feed(source)[-1])
    books = world.books()
    assert books.sound
    assert books.campaigns[0].prizes == 3
    assert not books.campaigns[0].settled


def _decided(**changes: object) -> cards.PoolDecided:
    decided = pool_decided(1000, [1, 0, 0, 0])
    decided.MergeFrom(cards.PoolDecided(**changes))  # type: ignore[arg-type]  # each test changes another field
    return decided


BAD_DECISIONS = {
    "share": (_decided(share_fen=999), "share and remainder"),
    "remainder": (_decided(remainder_fen=1), "share and remainder"),
    "hold": (_decided(pool_hold_id="autumn.pool"), "another campaign's"),
    "count of sets": (pool_decided(1000, [2, 0, 0, 0]), "2 sets, 1 were reported"),
    "size of the pool": (pool_decided(999, [1, 0, 0, 0]), "holds 1000 fen, not 999"),
    "sponsor": (pool_decided(1000, [1, 0, 0, 0], sponsor_id=8), "sponsor 7's"),
    "no shards": (pool_decided(1000, []), "leaves out"),
    "empty pool": (pool_decided(0, [1, 0, 0, 0]), "empty"),
}


def _lucky(**changes: object) -> cards.PoolDecided:
    """Of a game in which one person of shard 0 has completed, with another value."""
    decided = lucky_pool_decided(1000, [persons(0, 4, 1), [], [], []])
    for name, value in changes.items():
        decided.ClearField(name)  # type: ignore[arg-type]  # each test clears another field
        decided.MergeFrom(cards.PoolDecided(**{name: value}))  # type: ignore[arg-type]  # as above
    return decided


def _one(value: int, place: int, of: int = LUCK_CLASSES) -> list[int]:
    return [value * (index == place) for index in range(of)]


THEIRS = luck_classes(LUCK_KEY, persons(0, 4, 1))[0] - 1
LUCKY_SHARES = lucky_pool_decided(1000, [persons(0, 4, 1), [], [], []]).luck_shares_fen
BAD_LUCK = {
    "share": (_lucky(share_fen=1), "share and remainder"),
    "remainder": (_lucky(remainder_fen=1), "share and remainder"),
    "table": (_lucky(luck_shares_fen=[fen + 1 for fen in LUCKY_SHARES]), "shares by luck"),
    "short table": (_lucky(luck_shares_fen=LUCKY_SHARES[1:]), "shares by luck"),
    "counts": (_lucky(sets_by_luck=_one(2, THEIRS)), "its luck"),
    "another luck": (
        lucky_pool_decided(1000, [persons(0, 4, 2)[1:], [], [], []]),
        "they are worth",
    ),
    "sum of another shard": (_lucky(shard_shares_fen=_one(1000, 1, 4)), "they are worth"),
    "sums": (_lucky(shard_shares_fen=_one(999, 0, 4)), "come to 1000"),
    "mode": (_lucky(share_mode=cards.SHARE_MODE_EQUAL), "come with luck"),
    "equal shares": (pool_decided(1000, [1, 0, 0, 0]), "unlike the decision"),
}


@pytest.mark.parametrize(("decided", "says"), BAD_LUCK.values(), ids=BAD_LUCK.keys())
def test_a_lucky_decision_that_is_not_by_the_rules_posts_nothing(
    decided: cards.PoolDecided, says: str
) -> None:
    world = funded([1], pool_fen=1000)
    world.lucky = True
    world.sets_completed(persons(0, 4, 1))
    world.feeds["cards/0"].append(cards.CardsEvent(pool_decided=decided))
    before = world.balances()
    with pytest.raises(Contradiction, match=says):
        world.deliver(0, "cards/0")
    assert world.balances() == before


@pytest.mark.parametrize(("decided", "says"), BAD_DECISIONS.values(), ids=BAD_DECISIONS.keys())
def test_a_decision_that_contradicts_the_books_posts_nothing(decided: cards.PoolDecided, says: str) -> None:
    world = funded([1], pool_fen=1000)
    source = f"cards/{world.campaign_home}"
    person = persons(world.campaign_home, 4, 1)[0]
    if world.campaign_home:
        decided.sets_by_shard[:] = [0, *decided.sets_by_shard][: len(decided.sets_by_shard)]
    world.set_completed(person)
    world.feeds[source].append(cards.CardsEvent(pool_decided=decided))
    before = world.balances()
    with pytest.raises(Contradiction, match=says):
        world.deliver(world.campaign_home, source)
    assert world.balances() == before


def test_two_shards_cannot_tell_two_decisions() -> None:
    world = funded([1], pool_fen=1000)
    home = world.campaign_home
    world.decide_pool(1000)
    world.deliver(home, f"cards/{home}")
    other = pool_decided(1000, [0, 0, 0, 0], sponsor_id=8)
    world.feeds[f"cards/{home + 2}"][:] = [cards.CardsEvent(pool_decided=other)]
    with pytest.raises(Contradiction, match="in another way"):
        world.deliver(home, f"cards/{home + 2}")


def test_nobody_completes_twice() -> None:
    world = World()
    person = persons(0, 4, 1)[0]
    world.set_completed(person)
    world.set_completed(person)
    with pytest.raises(Contradiction, match="second time"):
        world.deliver(0, "cards/0")


def test_no_set_follows_the_decision() -> None:
    world = funded([1], pool_fen=1000)
    world.decide_pool(1000)
    world.set_completed(persons(0, 4, 1)[0])
    with pytest.raises(Contradiction, match="follows the decision"):
        world.deliver(0, "cards/0")


def test_a_decision_waits_for_the_pools_money() -> None:
    world = World()
    home = world.campaign_home
    world.decide_pool(1000)
    with pytest.raises(FundsInTransit) as waiting:
        world.step(home, f"cards/{home}", 1, world.feed(f"cards/{home}")[0])
    assert waiting.value.metadata == {"source": f"cards/{home}", "seq": "1", "account_id": "pool:spring"}


def test_a_payout_waits_for_the_shares_money() -> None:
    world = funded([1], pool_fen=1000)
    away = 1 - world.campaign_home
    world.set_completed(persons(away, 4, 1)[0])
    world.decide_pool(1000)
    assert world.deliver(away, f"cards/{away}") == 1
    world.deliver_all()
    assert world.balance_fen(f"wallet:{persons(away, 4, 1)[0]}") == 1000

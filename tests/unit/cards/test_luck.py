from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.domain.events import GameCreated, PoolDecided, ShardSealed
from services.cards.domain.sets.luck import LUCK_CLASSES, luck_classes, luck_key, lucky_shares
from services.cards.domain.sets.pool import decide_pool
from services.cards.domain.vocabulary import CampaignId, ShareMode
from tests.unit.cards.games import SEED, SPRING, an_order, lucky_seals

COUNTS = st.dictionaries(st.integers(1, LUCK_CLASSES), st.integers(0, 10**6), max_size=12)


def decided(pool_fen: int, seals: list[ShardSealed]) -> PoolDecided:
    order = an_order(pool_fen=pool_fen, share_mode=ShareMode.LUCKY)
    return decide_pool(GameCreated(order, SEED, len(seals)), seals)


def test_luck_is_what_the_contract_says_byte_for_byte() -> None:
    key = hashlib.blake2b(b"spring-2016", key=SEED, person=b"hongbao luck", digest_size=32).digest()
    assert luck_key(SEED, SPRING) == key
    word = hashlib.blake2b((4_711).to_bytes(8, "big"), key=key, digest_size=8).digest()
    assert luck_classes(key, [4_711]) == bytes([1 + int.from_bytes(word, "big") * 199 // 2**64])


def test_luck_never_changes_with_a_version() -> None:
    assert list(luck_classes(luck_key(SEED, SPRING), range(1, 9))) == [43, 75, 194, 45, 161, 141, 92, 21]


def test_luck_belongs_to_the_person_not_to_the_order_or_the_company() -> None:
    key = luck_key(SEED, SPRING)
    assert luck_classes(key, [3, 1, 2]) == bytes(luck_classes(key, [person])[0] for person in (3, 1, 2))


def test_another_campaign_brings_other_luck() -> None:
    persons = range(1, 1_000)
    here = luck_classes(luck_key(SEED, SPRING), persons)
    there = luck_classes(luck_key(SEED, CampaignId("spring-2017")), persons)
    same = sum(one == other for one, other in zip(here, there, strict=True))
    assert same < 1_000 * 3 / LUCK_CLASSES


def test_every_class_is_as_likely() -> None:
    """Chi-squared of 199 classes with 198 degrees of freedom: above 300 it would be one in 400,000."""
    counts = Counter(luck_classes(luck_key(SEED, SPRING), range(10**9, 10**9 + 199_000)))
    assert set(counts) == set(range(1, LUCK_CLASSES + 1))
    assert sum((count - 1_000) ** 2 / 1_000 for count in counts.values()) < 300


def test_everybody_may_expect_the_same_whoever_they_are_and_wherever_they_stand() -> None:
    """Over many seeds each of five persons gets a fifth of the pool, within five standard errors."""
    persons, games, pool_fen = [1, 2, 4_711, 10**12, 2**62], 4_000, 1_000_000
    received = [0] * len(persons)
    for game in range(games):
        key = luck_key(hashlib.sha256(game.to_bytes(8, "big")).digest(), SPRING)
        lucks = luck_classes(key, persons)
        counts = [0] * LUCK_CLASSES
        for luck in lucks:
            counts[luck - 1] += 1
        shares = lucky_shares(pool_fen, counts)
        for index, luck in enumerate(lucks):
            received[index] += shares[luck - 1]
    for total in received:
        assert total / games == pytest.approx(pool_fen / 5, rel=0.04)


@settings(deadline=None)
@given(st.integers(1, 10**12), st.lists(COUNTS, min_size=1, max_size=6))
def test_lucky_shares_and_remainder_are_exactly_the_pool(
    pool_fen: int, by_shard: list[dict[int, int]]
) -> None:
    decision = decided(pool_fen, lucky_seals(*by_shard))
    paid_fen = [
        sum(decision.luck_shares_fen[luck - 1] * count for luck, count in counts.items())
        for counts in by_shard
    ]
    assert list(decision.shard_shares_fen) == paid_fen
    assert sum(paid_fen) + decision.remainder_fen == pool_fen
    sets = sum(decision.sets_by_shard)
    assert sum(decision.sets_by_luck) == sets
    assert decision.remainder_fen >= 0
    if 0 < sets <= pool_fen:
        assert decision.remainder_fen < sets
        assert min(decision.luck_shares_fen) >= 1
    else:
        assert decision.remainder_fen == pool_fen


@settings(deadline=None)
@given(st.integers(1, 10**12), COUNTS)
def test_more_luck_is_never_less_money_and_shares_are_as_luck_to_the_fen(
    pool_fen: int, counts: dict[int, int]
) -> None:
    shares = decided(pool_fen, lucky_seals(counts)).luck_shares_fen
    assert list(shares) == sorted(shares)
    for luck, share_fen in enumerate(shares, start=1):
        # Each is its part of what is over a fen for everybody, rounded down.
        assert abs(share_fen * LUCK_CLASSES - shares[-1] * luck) <= LUCK_CLASSES * LUCK_CLASSES


@pytest.mark.parametrize(
    ("pool_fen", "counts", "shares_fen", "remainder_fen"),
    [
        (1_000, {50: 1}, {50: 1_000}, 0),
        (1_000, {100: 1, 50: 2}, {100: 499, 50: 250}, 1),
        (1_000, {1: 1, 199: 1}, {1: 5, 199: 994}, 1),
        (3, {1: 2, 199: 1}, {1: 1, 199: 1}, 0),
        (2, {1: 2, 199: 1}, {1: 0, 199: 0}, 2),
        (1_000, {}, {1: 0, 100: 0}, 1_000),
    ],
)
def test_shares_go_by_luck_above_a_fen_for_everybody(
    pool_fen: int, counts: dict[int, int], shares_fen: dict[int, int], remainder_fen: int
) -> None:
    decision = decided(pool_fen, lucky_seals(counts))
    assert {luck: decision.luck_shares_fen[luck - 1] for luck in shares_fen} == shares_fen
    assert decision.remainder_fen == remainder_fen
    assert decision.share_fen == 0


def test_the_pool_of_2016_shared_by_luck_is_271_yuan_66_on_the_average() -> None:
    people = range(1, 791_406)
    counts = Counter(luck_classes(luck_key(SEED, SPRING), people))
    decision = decided(21_500_000_000, lucky_seals(dict(counts)))
    assert sum(counts.values()) == 791_405
    assert decision.shares_fen + decision.remainder_fen == 21_500_000_000
    assert decision.remainder_fen < 791_405
    assert decision.luck_shares_fen[99] == pytest.approx(27_166, rel=0.002)
    assert decision.luck_shares_fen[0] == pytest.approx(272, abs=2)
    assert decision.luck_shares_fen[-1] == pytest.approx(54_060, rel=0.002)

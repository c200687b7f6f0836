from __future__ import annotations

import hashlib
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.domain.supply.draw import choose, commitment, draw_key, replay, words
from services.cards.domain.vocabulary import CARDS, CampaignId, Card
from tests.unit.cards.games import SEED, SPRING

KEY = draw_key(SEED, SPRING, 0)


def test_the_key_of_a_shard_is_the_hash_of_seed_campaign_and_shard() -> None:
    assert draw_key(SEED, SPRING, 3) == hashlib.sha256(SEED + b"spring-2016" + b"\0\0\0\3").digest()
    assert commitment(SEED) == hashlib.sha256(SEED).digest()


def test_the_words_of_a_key_are_fixed_for_ever() -> None:
    # Written down once: a change of these numbers would make every published seed a lie.
    block = hashlib.blake2b((0).to_bytes(8, "big"), key=KEY).digest()
    assert next(words(KEY, 0)) == int.from_bytes(block[:8], "big")
    assert [word >> 40 for word in islice(words(KEY, 0), 4)] == [7277921, 785344, 6168606, 8451371]


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 40))
def test_words_from_the_middle_are_those_from_the_start(first: int, count: int) -> None:
    assert list(islice(words(KEY, first), count)) == list(islice(words(KEY, 0), first, first + count))


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 10**10), min_size=5, max_size=5).filter(any))
def test_a_draw_never_picks_a_card_of_which_none_is_left(word: int, remaining: list[int]) -> None:
    assert remaining[choose(word, remaining) - 1] > 0


def test_each_card_is_drawn_as_often_as_its_share_of_what_remains() -> None:
    remaining = (50, 25, 15, 9, 1)
    drawn = [choose(word, remaining) for word in islice(words(KEY, 0), 20_000)]
    for card, left in zip(CARDS, remaining, strict=True):
        expected = len(drawn) * left / 100
        # Five standard deviations of a binomial: the words are fixed, so this either holds or does not.
        assert abs(drawn.count(card) - expected) < 5 * (expected * (1 - left / 100)) ** 0.5


def test_the_first_and_the_last_word_pick_the_first_and_the_last_card() -> None:
    assert choose(0, (1, 0, 0, 0, 1)) is Card.PATRIOTISM
    assert choose(2**64 - 1, (1, 0, 0, 0, 1)) is Card.DEDICATION


def test_replaying_a_shard_to_its_end_gives_out_exactly_its_limits() -> None:
    limits = (7, 3, 0, 2, 1)
    cards = list(replay(KEY, limits, sum(limits)))
    assert tuple(cards.count(card) for card in CARDS) == limits


def test_two_shards_and_two_campaigns_draw_differently() -> None:
    keys = {
        draw_key(SEED, SPRING, 0),
        draw_key(SEED, SPRING, 1),
        draw_key(SEED, CampaignId("spring-2017"), 0),
    }
    assert len({tuple(replay(key, (9,) * 5, 20)) for key in keys}) == 3

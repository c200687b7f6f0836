from __future__ import annotations

import hashlib
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.domain.supply.draw import commitment, deck_cards, draw_key
from services.cards.domain.vocabulary import CARDS, CampaignId
from tests.unit.cards.games import SEED, SPRING

KEY = draw_key(SEED, SPRING, 0)
compositions = st.tuples(*[st.integers(0, 60)] * 5)


def test_the_key_of_a_shard_is_the_hash_of_seed_campaign_and_shard() -> None:
    assert draw_key(SEED, SPRING, 3) == hashlib.sha256(SEED + b"spring-2016" + b"\0\0\0\3").digest()
    assert commitment(SEED) == hashlib.sha256(SEED).digest()


@settings(deadline=None)
@given(st.integers(1, 2**40), compositions)
def test_a_deck_is_what_a_reader_of_the_rules_computes_with_the_standard_library(
    number: int, counts: tuple[int, ...]
) -> None:
    laid_out = [card for card, count in zip(CARDS, counts, strict=True) for _ in range(count)]
    words = []
    for place in range(len(laid_out)):
        block, lane = divmod(place, 8)
        content = number.to_bytes(8, "big") + block.to_bytes(8, "big")
        digest = hashlib.blake2b(content, key=KEY).digest()
        words.append(int.from_bytes(digest[lane * 8 : lane * 8 + 8], "big"))
    expected = [laid_out[place] for place in sorted(range(len(laid_out)), key=words.__getitem__)]
    assert deck_cards(KEY, number, counts).tolist() == expected


def test_the_order_of_a_deck_is_fixed_for_ever() -> None:
    # Written down once: a change of these cards would make every published seed a lie.
    assert deck_cards(KEY, 1, (3, 2, 2, 2, 1)).tolist() == [4, 2, 2, 1, 1, 4, 3, 5, 1, 3]


@settings(deadline=None)
@given(st.integers(1, 1_000), compositions)
def test_a_deck_has_exactly_the_cards_of_its_composition(number: int, counts: tuple[int, ...]) -> None:
    cards = deck_cards(KEY, number, counts).tolist()
    assert tuple(cards.count(card) for card in CARDS) == counts


def test_every_order_of_a_small_deck_comes_up_equally_often() -> None:
    seen = dict.fromkeys(permutations((1, 2, 3)), 0)
    decks = 6_000
    for number in range(1, decks + 1):
        seen[tuple(deck_cards(KEY, number, (1, 1, 1, 0, 0)).tolist())] += 1
    # Five standard deviations of a binomial: the words are fixed, so this either holds or does not.
    assert all(abs(count - decks / 6) < 5 * (decks * 5 / 36) ** 0.5 for count in seen.values())


def test_decks_shards_and_campaigns_have_orders_of_their_own() -> None:
    keys = [KEY, draw_key(SEED, SPRING, 1), draw_key(SEED, CampaignId("spring-2017"), 0)]
    orders = {tuple(deck_cards(key, number, (9,) * 5).tolist()) for key in keys for number in (1, 2)}
    assert len(orders) == 6

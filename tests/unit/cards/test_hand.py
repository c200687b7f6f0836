from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.domain.holdings import hand
from services.cards.domain.vocabulary import CARDS, Card

copies = st.tuples(*[st.integers(0, 10_000_000_000)] * 5)


@settings(deadline=None)
@given(copies)
def test_a_hand_gives_back_the_counts_it_was_made_of(counts: tuple[int, ...]) -> None:
    assert hand.counts(hand.of_counts(counts)) == counts


@settings(deadline=None)
@given(copies, st.sampled_from(CARDS))
def test_adding_a_card_changes_only_its_own_count(counts: tuple[int, ...], card: Card) -> None:
    more = hand.add(hand.of_counts(counts), card)
    assert hand.count(more, card) == counts[card - 1] + 1
    assert hand.remove(more, card) == hand.of_counts(counts)


def test_a_set_takes_one_of_each() -> None:
    assert hand.remove_set(hand.of_counts((1, 2, 1, 3, 1))) == hand.of_counts((0, 1, 0, 2, 0))


def test_what_is_held_and_what_is_missing_are_the_two_halves_of_a_set() -> None:
    some = hand.of_counts((0, 2, 0, 1, 0))
    assert hand.held(some) == (Card.PROSPERITY, Card.FRIENDLINESS)
    assert hand.missing(some) == (Card.PATRIOTISM, Card.HARMONY, Card.DEDICATION)


def test_a_card_that_is_not_there_cannot_be_taken() -> None:
    with pytest.raises(AssertionError, match="HARMONY is not in the hand"):
        hand.remove(hand.EMPTY, Card.HARMONY)
    with pytest.raises(AssertionError, match="one of each"):
        hand.remove_set(hand.of_counts((1, 1, 0, 1, 1)))

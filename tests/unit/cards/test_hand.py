from __future__ import annotations

from services.cards.domain.holdings import hand
from services.cards.domain.vocabulary import Card


def test_what_is_held_and_what_is_missing_are_the_two_halves_of_a_set() -> None:
    some = (0, 2, 0, 1, 0)
    assert hand.held(some) == (Card.PROSPERITY, Card.FRIENDLINESS)
    assert hand.missing(some) == (Card.PATRIOTISM, Card.HARMONY, Card.DEDICATION)
    assert hand.count(some, Card.PROSPERITY) == 2

"""A hand: how many of each card a person holds, packed into one integer, because hands are many.

Each card has a field wide enough for every copy that may ever be issued (`CardLimit.issue_limit` in the
contract is at most 10,000,000,000 < 2**34), so fields can never run into each other.
"""

from __future__ import annotations

from typing import NewType

from services.cards.domain.vocabulary import CARDS, Card

Hand = NewType("Hand", int)
"""Counts of the five cards, 34 bits each."""

EMPTY = Hand(0)
_FIELD_BITS = 34
_FIELD_MASK = (1 << _FIELD_BITS) - 1
_ONE = (0, *(1 << _FIELD_BITS * index for index in range(len(CARDS))))
_SET = sum(_ONE)


def count(hand: Hand, card: Card) -> int:
    """Copies of the card in the hand."""
    return hand >> _FIELD_BITS * (card - 1) & _FIELD_MASK


def counts(hand: Hand) -> tuple[int, ...]:
    """Copies of each of `CARDS` in order."""
    return tuple(count(hand, card) for card in CARDS)


def of_counts(copies: tuple[int, ...]) -> Hand:
    """The hand with so many copies of each of `CARDS`."""
    return Hand(sum(copy * one for copy, one in zip(copies, _ONE[1:], strict=True)))


def add(hand: Hand, card: Card) -> Hand:
    """The hand with one more copy."""
    return Hand(hand + _ONE[card])


def remove(hand: Hand, card: Card) -> Hand:
    """The hand with one copy less, which must be there."""
    assert count(hand, card) > 0, f"{card.name} is not in the hand"
    return Hand(hand - _ONE[card])


def remove_set(hand: Hand) -> Hand:
    """The hand without one of each card, which must be there."""
    assert not missing(hand), "a set is one of each card"
    return Hand(hand - _SET)


def held(hand: Hand) -> tuple[Card, ...]:
    """The kinds in the hand, in order."""
    return tuple(card for card in CARDS if count(hand, card))


def missing(hand: Hand) -> tuple[Card, ...]:
    """The kinds that the hand lacks for a set, in order."""
    return tuple(card for card in CARDS if not count(hand, card))

"""A hand: how many of each card a person holds."""

from __future__ import annotations

from services.cards.domain.vocabulary import CARDS, Card

Hand = tuple[int, ...]
"""Copies of each of `CARDS`, in order."""


def count(hand: Hand, card: Card) -> int:
    """Copies of the card in the hand."""
    return hand[card - 1]


def held(hand: Hand) -> tuple[Card, ...]:
    """The kinds in the hand, in order."""
    return tuple(card for card in CARDS if count(hand, card))


def missing(hand: Hand) -> tuple[Card, ...]:
    """The kinds that the hand lacks for a set, in order."""
    return tuple(card for card in CARDS if not count(hand, card))

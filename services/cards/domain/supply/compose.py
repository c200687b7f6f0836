"""What the next deck is made of: the table of odds, which follows what remains.

Nothing is drawn at random here. A deck's composition is decided, recorded, and then shuffled by a committed
key: so the odds of a card are those of the deck that is being dealt, and no kind is ever above its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.cards.domain.vocabulary import CARDS

_FRACTION_BITS = 32
ONE_CARD = 1 << _FRACTION_BITS
"""A whole card in the parts in which rounding errors are carried."""
NO_CARRY = (0,) * len(CARDS)
"""Nothing was rounded yet."""


@dataclass(frozen=True, slots=True)
class Deck:
    """So many cards of each of `CARDS`, in order."""

    counts: tuple[int, ...]
    carry: tuple[int, ...]
    """By kind, what this and earlier decks fell short of their share, in parts of `ONE_CARD`; below 0 for
    what they had too much."""


def compose(
    size: int, left: Sequence[int], free: Sequence[int], expected_deals: int, carry: Sequence[int] = NO_CARRY
) -> Deck:
    """A deck of `size` cards, or of as many as are free.

    Each kind gets `left / expected_deals` of it, so that what is left of it lasts for so many deals; kinds
    with more than enough share the rest equally (the level of water in vessels of unequal depth). When less
    is left than deals are expected, each kind gets its share of what is left.

    Args:
        size: cards wanted, at least 1.
        left: by kind, cards of the limit that no shard has.
        free: by kind, how many of them may go out now: at most what is left.
        expected_deals: deals for which all that is left should last.
        carry: that of the deck before.
    """
    assert all(0 <= now <= whole for now, whole in zip(free, left, strict=True)), "free cards are left"
    size = min(size, sum(free))
    weights = _water_filled(left, max(expected_deals, size, 1))
    ideal, owed = _ideal(size, weights, free, carry)
    counts = _rounded(size, ideal, free)
    rest = tuple(
        _bounded(share - (count << _FRACTION_BITS)) if is_owed else 0
        for share, count, is_owed in zip(ideal, counts, owed, strict=True)
    )
    assert sum(counts) == size, "a deck has the cards that were asked for"
    assert all(0 <= count <= now for count, now in zip(counts, free, strict=True)), "only free cards go out"
    return Deck(tuple(counts), rest)


def _water_filled(left: Sequence[int], deals: int) -> list[int]:
    """Weights of the kinds: `min(left, level)` for the level at which they add up to the deals.

    In units that make the level whole: all weights are multiplied by the number of plentiful kinds.
    """
    if sum(left) <= deals:
        return list(left)
    plentiful, rest = len(left), deals
    for kind_left in sorted(left):
        if kind_left * plentiful > rest:
            break
        plentiful, rest = plentiful - 1, rest - kind_left
    return [min(kind_left * plentiful, rest) for kind_left in left]


def _ideal(
    size: int, weights: Sequence[int], free: Sequence[int], carry: Sequence[int]
) -> tuple[list[int], list[bool]]:
    """Each kind's share of a deck in parts of a card, and whether it may be made up for later.

    A kind of which not enough is free gives all of it, is owed nothing, and the others share what it leaves.
    """
    ideal = [now << _FRACTION_BITS for now in free]
    open_kinds = [index for index, now in enumerate(free) if now]
    room = size
    while open_kinds and room:
        weight = sum(weights[index] for index in open_kinds)
        parts = room << _FRACTION_BITS
        # Kinds that weigh nothing share only when there is nothing else.
        shares = {
            index: parts * weights[index] // weight if weight else parts // len(open_kinds)
            for index in open_kinds
        }
        full = [index for index in open_kinds if shares[index] > ideal[index]]
        if not full:
            for index in open_kinds:
                ideal[index] = shares[index] + carry[index]
            break
        room -= sum(free[index] for index in full)
        open_kinds = [index for index in open_kinds if index not in full]
    else:
        for index in open_kinds:
            ideal[index] = 0
    return ideal, [index in open_kinds for index in range(len(free))]


def _rounded(size: int, ideal: Sequence[int], free: Sequence[int]) -> list[int]:
    """Whole cards that add up to the size, each as near to its ideal as what is free allows."""
    counts = [min(max(share >> _FRACTION_BITS, 0), now) for share, now in zip(ideal, free, strict=True)]
    while (missing := size - sum(counts)) != 0:
        step = 1 if missing > 0 else -1
        able = [
            index for index, count in enumerate(counts) if (count < free[index] if missing > 0 else count > 0)
        ]
        most = max(able, key=lambda index: (ideal[index] - (counts[index] << _FRACTION_BITS)) * step)
        counts[most] += step
    return counts


def _bounded(carry: int) -> int:
    """At most a card is carried: what could not be given for long is not made up for at once."""
    return max(-ONE_CARD, min(ONE_CARD, carry))

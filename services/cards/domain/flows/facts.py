"""How people have played: what tells accounts that were made to give from people who play."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.game import ShardGame
from services.cards.domain.holdings.causes import MovementKind
from services.cards.domain.holdings.movements import WHOLE_SET, Movements
from services.cards.domain.vocabulary import CARDS, PersonId

Numbers = NDArray[np.int64]

_FROM_OTHERS = (MovementKind.RECEIVED, MovementKind.GRANTED, MovementKind.MERGED_IN)
_GIVEN = (MovementKind.OFFERED, MovementKind.ANSWERED)
_COMES_IN = (MovementKind.DEALT, MovementKind.RETURNED, MovementKind.UNSPENT, *_FROM_OTHERS)
_MINUTE_MS = 60_000
_NO_GIFTS = -1
_WIDTH = len(CARDS)


@dataclass(frozen=True, slots=True)
class PlayFacts:
    """Columns with an element for each person."""

    first_card_at_ms: Numbers
    """0 for who never had a card. Of those with more movements than were looked at, this and the counts are
    of the newest."""
    dealt: Numbers
    received: Numbers
    """Cards from other people, and from other accounts of the same person."""
    given: Numbers
    """Cards that they gave, gifts that wait for an answer included."""
    held: Numbers
    have_completed: NDArray[np.bool_]
    deal_to_gift_minutes: Numbers
    """Median time from deal to gift; -1 where nothing that was dealt was given, or not all was looked at."""

    def __len__(self) -> int:
        return len(self.dealt)

    def of(self, rows: Numbers | slice) -> PlayFacts:
        """Those of some of them."""
        return PlayFacts(*(getattr(self, name)[rows] for name in self.__slots__))

    @classmethod
    def together(cls, parts: Sequence[PlayFacts]) -> Self:
        """Those of all parts; at least one."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))


_NONE = np.zeros(0, np.int64)
NOBODY = PlayFacts(
    first_card_at_ms=_NONE,
    dealt=_NONE,
    received=_NONE,
    given=_NONE,
    held=_NONE,
    have_completed=np.zeros(0, np.bool_),
    deal_to_gift_minutes=_NONE,
)
"""Of no people."""


@dataclass(frozen=True, slots=True)
class Trails:
    """Where the movements of people begin: they can be followed while others are added."""

    newest: Numbers
    """The newest movement of each person, -1 for none."""
    held: Numbers
    have_completed: NDArray[np.bool_]
    movements: Movements


def trails_of(game: ShardGame, person_ids: Numbers) -> Trails:
    """What has to be read at once, so that it is of one moment."""
    hands, movements = game.holdings.hands, game.holdings.movements
    rows = hands.rows(person_ids)
    held = np.zeros(len(rows), np.int64)
    is_known = rows >= 0
    held[is_known] = hands.copies[rows[is_known]].sum(axis=1)
    newest = np.full(len(rows), -1, np.int64)
    newest[is_known] = movements.newest_of(rows[is_known])
    completed = [game.sets.has_completed(PersonId(person_id)) for person_id in person_ids.tolist()]
    return Trails(newest, held, np.array(completed, np.bool_), movements)


def play_facts(trails: Trails, movements_max: int) -> PlayFacts:
    """Follows the movements of each person, at most so many of the newest ones."""
    count = len(trails.newest)
    people, numbers, is_cut = _follow(trails, movements_max)
    kinds, times_ms = trails.movements.kinds(numbers), trails.movements.times_ms(numbers)

    def counts(*wanted: MovementKind) -> Numbers:
        return np.bincount(people[np.isin(kinds, wanted)], minlength=count)

    first_ms = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first_ms, people, times_ms)
    first_ms[trails.newest < 0] = 0
    return PlayFacts(
        first_card_at_ms=first_ms,
        dealt=counts(MovementKind.DEALT),
        received=counts(*_FROM_OTHERS),
        given=np.maximum(counts(*_GIVEN) - counts(MovementKind.RETURNED), 0),
        held=trails.held,
        have_completed=trails.have_completed,
        deal_to_gift_minutes=_deal_to_gift_minutes(
            people, trails.movements.cards(numbers), kinds, times_ms, numbers, is_cut
        ),
    )


def _follow(trails: Trails, movements_max: int) -> tuple[Numbers, Numbers, NDArray[np.bool_]]:
    """Movements with the index of their person, in no order, and whose were too many to look at them all."""
    people = np.flatnonzero(trails.newest >= 0)
    numbers = trails.newest[people]
    found: list[tuple[Numbers, Numbers]] = [(people[:0], numbers[:0])]
    for _ in range(movements_max):
        if not len(people):
            break
        found.append((people, numbers))
        older = trails.movements.before(numbers)
        people, numbers = people[older >= 0], older[older >= 0]
    is_cut = np.zeros(len(trails.newest), np.bool_)
    is_cut[people] = True
    return np.concatenate([part for part, _ in found]), np.concatenate([part for _, part in found]), is_cut


def _deal_to_gift_minutes(
    people: Numbers,
    cards: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
    times_ms: Numbers,
    numbers: Numbers,
    is_cut: NDArray[np.bool_],
) -> Numbers:
    """Of several copies of a card the oldest leaves first: the n-th that came is the n-th that leaves."""
    # A set is one of each card.
    copies = np.where(cards == WHOLE_SET, _WIDTH, 1)
    each = np.repeat(np.arange(len(cards)), copies)
    places = np.arange(len(each)) - np.repeat(np.cumsum(copies) - copies, copies)
    hands = people[each] * _WIDTH + np.where(
        cards[each] == WHOLE_SET, places, cards[each].astype(np.int64) - 1
    )
    comes_in = np.isin(kinds[each], _COMES_IN)
    came, ins = _ranked(hands[comes_in], each[comes_in], numbers)
    went, outs = _ranked(hands[~comes_in], each[~comes_in], numbers)
    _, in_places, out_places = np.intersect1d(came, went, assume_unique=True, return_indices=True)
    ins, outs = ins[in_places], outs[out_places]
    is_gift = (kinds[ins] == MovementKind.DEALT) & np.isin(kinds[outs], _GIVEN) & ~is_cut[people[outs]]
    ins, outs = ins[is_gift], outs[is_gift]
    medians = np.full(len(is_cut), _NO_GIFTS)
    givers, delays_ms = people[outs], np.maximum(times_ms[outs] - times_ms[ins], 0)
    order = np.lexsort((delays_ms, givers))
    who, firsts, counts = np.unique(givers[order], return_index=True, return_counts=True)
    medians[who] = delays_ms[order][firsts + (counts - 1) // 2] // _MINUTE_MS
    return medians


def _ranked(hands: Numbers, each: Numbers, numbers: Numbers) -> tuple[Numbers, Numbers]:
    """A number for the n-th movement of each hand and card, and which movement it is."""
    order = np.lexsort((numbers[each], hands))
    hands, each = hands[order], each[order]
    is_first = np.append(True, hands[1:] != hands[:-1])[: len(hands)]
    firsts = np.flatnonzero(is_first)
    ranks = np.arange(len(hands)) - np.repeat(firsts, np.diff(np.append(firsts, len(hands))))
    return hands << np.int64(32) | ranks, each

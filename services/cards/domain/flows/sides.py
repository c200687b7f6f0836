"""What flowed between one person and many, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.vocabulary import CARDS

_WIDTH = len(CARDS)


@dataclass(frozen=True, slots=True)
class FlowSide:
    """The people on the other side, each once."""

    person_ids: NDArray[np.int64]
    cards: NDArray[np.int64]
    """A row of counts of each of `CARDS` for each of them."""
    first_given_at_ms: NDArray[np.int64]
    last_given_at_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.person_ids)

    def of(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> FlowSide:
        """Some of them."""
        return FlowSide(
            self.person_ids[rows], self.cards[rows], self.first_given_at_ms[rows], self.last_given_at_ms[rows]
        )

    def most(self, people_max: int) -> FlowSide:
        """Those with the most cards, at most so many; of as many cards, smaller ids first."""
        if len(self) <= people_max:
            return self
        order = np.lexsort((self.person_ids, -self.cards.sum(axis=1)))
        return self.of(np.sort(order[:people_max]))


EMPTY_SIDE = FlowSide(
    np.zeros(0, np.int64), np.zeros((0, _WIDTH), np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
)
"""Nobody."""


def sides_together(sides: Sequence[FlowSide]) -> FlowSide:
    """Everybody on any of these sides, each once, by id."""
    if not sides:
        return EMPTY_SIDE
    person_ids = np.concatenate([side.person_ids for side in sides])
    order = np.argsort(person_ids, kind="stable")
    person_ids = person_ids[order]
    firsts = np.flatnonzero(np.append(True, person_ids[1:] != person_ids[:-1])[: len(person_ids)])
    if not len(firsts):
        return EMPTY_SIDE
    return FlowSide(
        person_ids[firsts],
        np.add.reduceat(np.concatenate([side.cards for side in sides])[order], firsts),
        np.minimum.reduceat(np.concatenate([side.first_given_at_ms for side in sides])[order], firsts),
        np.maximum.reduceat(np.concatenate([side.last_given_at_ms for side in sides])[order], firsts),
    )


@dataclass(frozen=True, slots=True)
class Flows:
    """What each person gave each other one, a row for each pair, ordered by `from_ids`, then `to.person_ids`.

    Which way the cards went is a matter of who made it.
    """

    from_ids: NDArray[np.int64]
    to: FlowSide

    def side_of(self, person_id: int) -> FlowSide:
        """Everybody on the other side of one person."""
        first, last = np.searchsorted(self.from_ids, [person_id, person_id + 1])
        return self.to.of(slice(first, last))


def flows_between(
    from_ids: NDArray[np.int64],
    to_ids: NDArray[np.int64],
    cards: NDArray[np.uint8],
    given_at_ms: NDArray[np.int64],
) -> Flows:
    """Adds up single cards, pair by pair."""
    if not len(from_ids):
        return Flows(from_ids, EMPTY_SIDE)
    order = np.lexsort((to_ids, from_ids))
    from_ids, to_ids, given_at_ms = from_ids[order], to_ids[order], given_at_ms[order]
    is_first = np.append(True, (from_ids[1:] != from_ids[:-1]) | (to_ids[1:] != to_ids[:-1]))
    firsts = np.flatnonzero(is_first)
    pairs = np.cumsum(is_first) - 1
    counts = np.bincount(pairs * _WIDTH + cards[order] - 1, minlength=len(firsts) * _WIDTH)
    return Flows(
        from_ids[firsts],
        FlowSide(
            to_ids[firsts],
            counts.reshape(-1, _WIDTH).astype(np.int64),
            np.minimum.reduceat(given_at_ms, firsts),
            np.maximum.reduceat(given_at_ms, firsts),
        ),
    )

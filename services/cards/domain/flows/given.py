"""What was given for good on a shard, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.exchanges.machine import GIVES_CARD
from services.cards.domain.exchanges.table import GIVER_HERE, RECEIVER_HERE, ExchangeTable
from services.cards.domain.vocabulary import CARDS

ROWS_PER_COPY = 131_072
"""Rows that are copied in one go: four to five milliseconds."""
_GIVES_CARD = np.array(sorted(state.value for state in GIVES_CARD), np.uint8)
_WIDTH = len(CARDS)


@dataclass(frozen=True, slots=True)
class Given:
    """Cards that went from one person to another, a row for each."""

    giver_ids: NDArray[np.int64]
    receiver_ids: NDArray[np.int64]
    cards: NDArray[np.uint8]
    """Numbers of the enum, from 1."""
    given_at_ms: NDArray[np.int64]
    sides: NDArray[np.uint8]
    """Who is of this shard; see the table of exchanges."""

    def __len__(self) -> int:
        return len(self.giver_ids)

    def of(self, rows: NDArray[np.bool_]) -> Given:
        """Some of the rows."""
        return Given(
            self.giver_ids[rows],
            self.receiver_ids[rows],
            self.cards[rows],
            self.given_at_ms[rows],
            self.sides[rows],
        )

    def received_here(self) -> Given:
        """What people of this shard received."""
        return self.of((self.sides & RECEIVER_HERE) > 0)

    def given_here(self) -> Given:
        """What people of this shard gave."""
        return self.of((self.sides & GIVER_HERE) > 0)

    def card_counts(self) -> tuple[int, ...]:
        """How many there are of each of `CARDS`."""
        return tuple(np.bincount(self.cards, minlength=_WIDTH + 1)[1:].tolist())

    @classmethod
    def together(cls, parts: list[Given]) -> Self:
        """All rows of all parts; at least one part."""
        return cls(
            np.concatenate([part.giver_ids for part in parts]),
            np.concatenate([part.receiver_ids for part in parts]),
            np.concatenate([part.cards for part in parts]),
            np.concatenate([part.given_at_ms for part in parts]),
            np.concatenate([part.sides for part in parts]),
        )


def copy_given(table: ExchangeTable, first: int) -> Given:
    """What was given by at most `ROWS_PER_COPY` exchanges from a row on; it stays as it is now."""
    last = first + ROWS_PER_COPY
    # Slices are copies: a view would keep the table from growing.
    states = np.frombuffer(table.states[first:last], np.uint8)
    every = Given(
        np.frombuffer(table.giver_ids[first:last], np.int64),
        np.frombuffer(table.receiver_ids[first:last], np.int64),
        np.frombuffer(table.cards[first:last], np.uint8),
        np.frombuffer(table.ended_at_ms[first:last], np.int64),
        np.frombuffer(table.sides[first:last], np.uint8),
    )
    return every.of(np.isin(states, _GIVES_CARD))

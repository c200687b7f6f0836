"""What a part of a stock says to claims, and where it stands."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.winners import Indexes, People


class ClaimOutcome(enum.IntEnum):
    """What became of one claim. Numbers are the contract's."""

    WON = 1
    ALREADY_WON = 2
    SOLD_OUT = 3
    NOT_RELEASED = 4
    NOT_OPEN = 5
    CLOSED = 6
    WRONG_SHARD = 7
    PERSON_INVALID = 8


class StockPhase(enum.IntEnum):
    """Where a part stands. Numbers are the contract's."""

    SCHEDULED = 1
    OPEN = 2
    SOLD_OUT = 3
    CLOSED = 4


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What people are told: columns with one element per claim, in their order, as in a `Decision`."""

    outcomes: NDArray[np.uint8]
    packet_indexes: Indexes
    amounts_fen: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a batch of claims: columns with one element per claim, in their order."""

    outcomes: NDArray[np.uint8]
    """`ClaimOutcome` numbers."""
    packet_indexes: Indexes
    """Index of the packet, -1 where nothing was won."""
    amounts_fen: NDArray[np.int64]
    """0 where nothing was won."""
    first_packet_index: int
    """Index of the first new winner's packet."""
    winners: People
    """The new winners, in the order of their packets. They are not in the stock yet: that takes the event."""
    winners_fen: NDArray[np.int64]
    """What each new winner gets."""

    def told(self, start: int, stop: int) -> Outcomes:
        """Of the claims from one place up to another: some of what was decided together."""
        return Outcomes(
            self.outcomes[start:stop], self.packet_indexes[start:stop], self.amounts_fen[start:stop]
        )

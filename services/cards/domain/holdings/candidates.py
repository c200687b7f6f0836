"""What a hand says to a batch of deals before the supply is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is known of each item of a batch, in columns as long as the batch."""

    cards: NDArray[np.uint8]
    """The card that the same (source, key, person) was dealt before; 0 for none."""
    first: NDArray[np.int64]
    """The first item of the batch with the same person and key: the item itself for nearly all."""
    is_within_limit: NDArray[np.bool_]
    """Whether the person may be dealt this one on this day. Items that are dealt already have no limit."""

    @property
    def is_fresh(self) -> NDArray[np.bool_]:
        """Items that have no card yet, and are not said again after one that asks for the same card."""
        is_fresh: NDArray[np.bool_] = (self.cards == 0) & (self.first == np.arange(len(self.first)))
        return is_fresh

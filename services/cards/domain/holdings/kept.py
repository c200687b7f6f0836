"""Hands, deals and history as plain columns: what a snapshot keeps of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """Keys that earned cards, by number."""

    sources: NDArray[np.uint8]
    ends: NDArray[np.uint32]
    """Where each text ends."""
    texts: NDArray[np.uint8]
    """End to end, UTF-8."""


@dataclass(frozen=True, slots=True)
class KeptHoldings:
    """Views of columns that only ever grow, and copies of those that change: it stays as it was made.

    What can be worked out from these is not kept: the indexes, and the newest movement of each person.
    """

    people: NDArray[np.int64]
    copies: NDArray[np.uint32]
    deal_days: NDArray[np.uint16]
    deal_counts: NDArray[np.uint16]
    movement_rows: NDArray[np.uint32]
    movement_whats: NDArray[np.uint8]
    movement_subjects: NDArray[np.uint32]
    movements_before: NDArray[np.uint32]
    others: NDArray[np.int64]
    moment_firsts: NDArray[np.uint32]
    moments: NDArray[np.int64]
    """Two columns: time and record."""
    draw_firsts: NDArray[np.uint32]
    draw_indexes: NDArray[np.int64]
    """One column."""
    keys: KeptKeys

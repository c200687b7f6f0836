"""The chi-square test, for draws with a fixed seed: it either always passes or never does."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


def chi_square(observed: Sequence[float], expected: Sequence[float]) -> float:
    """Pearson's sum over all cells."""
    assert min(expected) >= 5, "cells that are too small say nothing"
    return sum((seen - wanted) ** 2 / wanted for seen, wanted in zip(observed, expected, strict=True))


def chi_square_max(degrees: int, odds: float = 1e-4) -> float:
    """What a fair draw exceeds with these odds only, by Wilson and Hilferty's approximation."""
    term = 2 / (9 * degrees)
    return float(degrees * (1 - term + NormalDist().inv_cdf(1 - odds) * term**0.5) ** 3)


def favours_a_position(amounts: NDArray[np.int64]) -> bool:
    """Whether positions differ in how often they get how much, or the largest share; a row for each split.

    Amounts are put in ten classes that are equally likely over all positions together. Where the classes are
    full, a position's counts follow a chi-square; the sum fixes some of them, which only makes it smaller.
    """
    splits, shares = amounts.shape
    edges = np.quantile(amounts, np.linspace(0, 1, 11)[1:-1])
    classes = np.searchsorted(edges, amounts, side="left")
    counts = np.stack([np.bincount(classes[:, place], minlength=10) for place in range(shares)])
    expected = np.broadcast_to(counts.mean(axis=0), counts.shape)
    spread = chi_square(counts.ravel().tolist(), expected.ravel().tolist())
    # A tie for the largest counts for all who share it.
    largest = amounts == amounts.max(axis=1, keepdims=True)
    bests = (largest / largest.sum(axis=1, keepdims=True)).sum(axis=0)
    luck = chi_square(bests.tolist(), [splits / shares] * shares)
    return spread > chi_square_max(9 * (shares - 1)) or luck > chi_square_max(shares - 1)

"""What a sweep found, as rows for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from services.cli.planner.estimate import Estimate, Interval

_FIGURES = (
    *("sets", "share_fen", "completing_ppm", "rare_unfinished", "rare_left_over", "rare_issued"),
    *("people_active", "cards_dealt"),
)
COLUMNS = (
    "rare_limit",
    "seeds",
    *(f"{figure}{bound}" for figure in _FIGURES for bound in ("", "_low", "_high")),
)
"""A figure is the mean over the seeds; `_low` and `_high` are the bounds of its interval."""


def write_table(estimates: Iterable[Estimate], file: TextIO) -> None:
    """Writes a row for each limit."""
    rows = csv.writer(file)
    rows.writerow(COLUMNS)
    for estimate in estimates:
        bounds: list[Interval] = [getattr(estimate, figure) for figure in _FIGURES]
        cells = [count for one in bounds for count in (one.mean, one.low, one.high)]
        rows.writerow([estimate.rare_limit, estimate.seeds, *cells])

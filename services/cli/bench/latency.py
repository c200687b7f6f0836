"""Latencies of a load, in order of arrival, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Latencies:
    """Percentiles of a load; 0 when nothing was measured."""

    p50_ms: float
    p99_ms: float
    max_ms: float


def latencies(samples_s: Iterable[float]) -> Latencies:
    """The percentiles of latencies in seconds."""
    samples_ms = np.fromiter(samples_s, np.float64) * 1000
    if not len(samples_ms):
        return Latencies(0.0, 0.0, 0.0)
    p50_ms, p99_ms, max_ms = np.percentile(samples_ms, [50, 99, 100])
    return Latencies(round(float(p50_ms), 3), round(float(p99_ms), 3), round(float(max_ms), 3))

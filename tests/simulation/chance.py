"""Chance that is the same each time: a source of it for each purpose, so that none disturbs another."""

from __future__ import annotations

import random


def chance(seed: str, purpose: str) -> random.Random:
    """A source that the seed and what it is for decide."""
    return random.Random(f"{seed}:{purpose}")  # noqa: S311 - a simulation, not a secret

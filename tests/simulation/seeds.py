"""Which evenings to play."""

from __future__ import annotations


def seeds_of(words: str) -> list[int]:
    """Reads seeds and ranges of them, such as "7", "1-100" or "3,5,10-12". Raises ValueError."""
    seeds: list[int] = []
    for word in words.split(","):
        first, _, last = word.strip().partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    return seeds

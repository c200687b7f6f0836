"""The lucky split (拼手气) of an envelope: every way to cut the amount is equally likely.

This is the published lucky rule (number 1); the service's README states it for those who want to recompute
it. It uses nothing but SHA-256, the key stream of AES-256 in counter mode, and whole numbers.

Taking each share at random from what is left favours some positions, and a well-known implementation gives
the last of three 62.5 % of the money. Here all cuts are made at once, so no position is favoured: the share
of the first and of the last have the same odds for every amount, not just the same mean.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from services.allocation.domain.values import SEED_BYTES, Seed

LUCKY_RULE = 1
"""Number of this rule. Other amounts for any input need another number."""

_WORD_BYTES = 8
_WORDS = 1 << 64
"""How many values a word of the key stream has."""


def lucky_split(
    seed: Seed, envelope_id: int, total_fen: int, shares: int, min_fen: int = 1
) -> tuple[int, ...]:
    """The amounts of all shares, fen, by position. Their sum is the total, exactly; none is below `min_fen`.

    Uniform over all ways to write the total as a sum of so many shares. `envelope_id` is above 0 and below
    2^63; whoever calls has refused totals that do not cover the smallest shares. Takes about 2 microseconds
    a share, and 15 for each envelope.
    """
    assert len(seed) == SEED_BYTES, "a seed has 32 bytes"
    assert shares >= 1, "someone gets something"
    assert min_fen >= 1, "a share is at least a fen"
    assert total_fen >= shares * min_fen, "every share has its smallest amount"
    # With all but the last fen of the smallest share set aside, every share is at least 1: what lies between
    # two distinct cuts.
    free_fen = total_fen - shares * (min_fen - 1)
    cuts = sorted(_distinct(_words(seed, envelope_id), shares - 1, free_fen - 1))
    bounds = [0, *cuts, free_fen]
    amounts = tuple(upper - lower + min_fen - 1 for lower, upper in itertools.pairwise(bounds))
    assert sum(amounts) == total_fen, "the split gives out the total, exactly"
    assert min(amounts) >= min_fen, "no share is below the smallest"
    return amounts


def _distinct(words: Iterator[int], count: int, highest: int) -> set[int]:
    """So many distinct numbers from 1 to `highest`, every set of them equally likely.

    Robert Floyd's method: a number that is already there gives its place to the largest that may be drawn at
    this step, which cannot be there yet. So it takes one number for each, however dense they get.
    """
    chosen: set[int] = set()
    for largest in range(highest - count + 1, highest + 1):
        number = 1 + _below(words, largest)
        chosen.add(largest if number in chosen else number)
    assert len(chosen) == count, "every step adds a number"
    return chosen


def _below(words: Iterator[int], bound: int) -> int:
    """A number from 0 up to, not including, the bound: the first word of an equal share for each, its rest.

    Words above the largest multiple of the bound are passed over: fewer than one in 10^4 even for amounts of
    10^15 fen, and for those of people about one in 10^15.
    """
    usable = _WORDS - _WORDS % bound
    return next(word for word in words if word < usable) % bound


def _words(seed: Seed, envelope_id: int) -> Iterator[int]:
    """The key stream of one envelope, in little-endian words of 8 bytes, without end."""
    key = hashlib.sha256(b"hongbao lucky 1\0" + seed + envelope_id.to_bytes(8, "big")).digest()
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    while True:
        piece = stream.update(bytes(64 * _WORD_BYTES))
        for start in range(0, len(piece), _WORD_BYTES):
            yield int.from_bytes(piece[start : start + _WORD_BYTES], "little")

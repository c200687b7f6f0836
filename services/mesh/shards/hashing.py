"""Which shard a key belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1
SHARD_COUNT_MAX = 1024
"""More shards than this would make the map itself a load on etcd."""


def shard_of(key: int, shard_count: int) -> int:
    """The shard of a 64-bit key, such as a person's id.

    `shard_count` is a power of two from 1 to 1024. A key of shard `s` out of `n` is in shard `s % m` of any
    smaller count `m`, so that two services with different counts still line up: everything that one
    settlement shard needs comes from the same few allocation shards.

    Raises ValueError for a count that is not a power of two in range.
    """
    check_shard_count(shard_count)
    return mix64(key) & (shard_count - 1)


def shard_of_text(text: str, shard_count: int) -> int:
    """The shard of a readable id, such as a campaign's: that of its BLAKE2b hash of 8 bytes, big-endian."""
    return shard_of(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big"), shard_count)


def shards_of(keys: Sequence[int] | NDArray[np.int64], shard_count: int) -> NDArray[np.uint64]:
    """`shard_of` for a whole column of keys, each from 0 to 2**63 - 1, at a few nanoseconds each."""
    check_shard_count(shard_count)
    return mix64_column(np.asarray(keys, dtype=np.int64)) & np.uint64(shard_count - 1)


def mix64_column(keys: NDArray[np.int64]) -> NDArray[np.uint64]:
    """`mix64` of a whole column."""
    # Arithmetic of unsigned 64-bit arrays wraps around, which is what the mask does for single keys.
    mixed = keys.view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def mix64(key: int) -> int:
    """Spreads a 64-bit key over all bits: the finaliser of SplitMix64.

    Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014. Ids are often
    dense or share their low bits; without mixing, some shards would stay empty.
    """
    mixed = (key + 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


def check_shard_count(shard_count: int) -> None:
    """Raises ValueError unless the count is a power of two from 1 to 1024."""
    if not 1 <= shard_count <= SHARD_COUNT_MAX or shard_count & (shard_count - 1):
        raise ValueError(f"shard_count must be a power of two from 1 to {SHARD_COUNT_MAX}, not {shard_count}")

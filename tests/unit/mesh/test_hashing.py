"""Keys find their shard."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mesh.shards.hashing import mix64, shard_of

KEYS = st.integers(min_value=0, max_value=2**64 - 1)
COUNTS = st.integers(min_value=0, max_value=10).map(lambda exponent: 1 << exponent)


@given(KEYS, COUNTS)
def test_every_key_has_a_shard_in_range(key: int, count: int) -> None:
    assert 0 <= shard_of(key, count) < count


@given(KEYS, COUNTS, COUNTS)
def test_a_smaller_count_merges_whole_shards(key: int, one: int, other: int) -> None:
    more, fewer = max(one, other), min(one, other)
    assert shard_of(key, more) % fewer == shard_of(key, fewer)


def test_dense_ids_spread_evenly() -> None:
    sizes = Counter(shard_of(person, 16) for person in range(100_000))
    assert max(sizes.values()) - min(sizes.values()) < 0.06 * 100_000 / 16


def test_ids_that_share_their_low_bits_spread_evenly() -> None:
    sizes = Counter(shard_of(number << 32, 16) for number in range(100_000))
    assert max(sizes.values()) - min(sizes.values()) < 0.06 * 100_000 / 16


def test_mixing_is_the_published_function() -> None:
    # The first outputs of SplitMix64 for seed 0 are mix64 of multiples of its increment.
    assert mix64(0) == 0xE220A8397B1DCDAF
    assert mix64(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4


@pytest.mark.parametrize("count", [0, -1, 3, 12, 2048])
def test_a_count_that_is_no_power_of_two_in_range_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        shard_of(1, count)

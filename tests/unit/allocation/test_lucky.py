from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.allocation.domain.lucky import lucky_split
from services.allocation.domain.values import Seed
from tests.unit.allocation.chi_square import chi_square, chi_square_max, favours_a_position
from tests.unit.allocation.reference_lucky import reference_lucky
from tests.unit.allocation.terms import SEED

SPLITS = 100_000
SHARES = 3
TOTAL_FEN = 300


@st.composite
def envelopes(draw_from: st.DrawFn) -> tuple[int, int, int]:
    """Total, shares and smallest share, all of which fit together."""
    shares = draw_from(st.integers(1, 100))
    min_fen = draw_from(st.one_of(st.integers(1, 3), st.integers(1, 10**6)))
    spare_fen = draw_from(st.one_of(st.integers(0, 3), st.integers(0, 20_000), st.integers(0, 10**15)))
    return shares * min_fen + spare_fen, shares, min_fen


@given(envelopes(), st.binary(min_size=32, max_size=32), st.integers(1, 2**63 - 1))
@example((200, 200, 1), bytes(32), 1)
@example((10**15, 1, 1), bytes(32), 2**63 - 1)
@settings(max_examples=300, deadline=None)
def test_shares_add_up_exactly_above_the_smallest_and_follow_the_published_rule(
    envelope: tuple[int, int, int], seed: bytes, envelope_id: int
) -> None:
    total_fen, shares, min_fen = envelope
    amounts = lucky_split(Seed(seed), envelope_id, total_fen, shares, min_fen)
    assert len(amounts) == shares
    assert sum(amounts) == total_fen
    assert min(amounts) >= min_fen
    assert list(amounts) == reference_lucky(seed, envelope_id, total_fen, shares, min_fen)


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ((20_000, 10, 1), (1417, 730, 1605, 1476, 1641, 2072, 2031, 4820, 3938, 270)),
        ((100, 10, 10), (10,) * 10),
        ((8, 1, 1), (8,)),
    ],
)
def test_known_envelopes_are_split_as_they_always_were(
    envelope: tuple[int, int, int], expected: tuple[int, ...]
) -> None:
    assert lucky_split(SEED, 7, *envelope) == expected


def test_every_seed_and_envelope_has_a_split_of_its_own() -> None:
    splits = {
        lucky_split(SEED, 7, 20_000, 10),
        lucky_split(SEED, 8, 20_000, 10),
        lucky_split(Seed(bytes(32)), 7, 20_000, 10),
    }
    assert len(splits) == 3


def test_every_way_to_cut_is_equally_likely() -> None:
    """8 fen in 3 shares can be cut in 21 ways."""
    ways = [way for way in itertools.product(range(1, 7), repeat=3) if sum(way) == 8]
    seen = Counter(lucky_split(SEED, number, 8, 3) for number in range(1, SPLITS + 1))
    assert set(seen) == set(ways)
    assert len(ways) == math.comb(7, 2)
    expected = [SPLITS / len(ways)] * len(ways)
    assert chi_square([seen[way] for way in ways], expected) < chi_square_max(len(ways) - 1)


def all_splits(split: Callable[[int], Sequence[int]]) -> NDArray[np.int64]:
    return np.array([split(number) for number in range(1, SPLITS + 1)], np.int64)


def test_no_position_of_an_envelope_is_favoured() -> None:
    amounts = all_splits(lambda number: lucky_split(SEED, number, TOTAL_FEN, SHARES))
    assert not favours_a_position(amounts)
    # Each has a third of the money on average.
    error = amounts.std(axis=0) / np.sqrt(SPLITS)
    assert np.all(np.abs(amounts.mean(axis=0) - TOTAL_FEN / SHARES) < 4 * error)


def test_a_split_that_favours_the_last_is_found() -> None:
    """The well-known mistake: each takes at random from what is left, and the last gets the rest."""
    chance = random.Random(7)  # noqa: S311 - not for money

    def rest_to_the_last(_: int) -> list[int]:
        first = chance.randint(1, TOTAL_FEN // 4)
        second = chance.randint(1, (TOTAL_FEN - first) // 4)
        return [first, second, TOTAL_FEN - first - second]

    amounts = all_splits(rest_to_the_last)
    assert amounts[:, -1].mean() > 0.6 * TOTAL_FEN
    assert favours_a_position(amounts)


def test_a_split_with_the_right_means_that_favours_a_position_is_found() -> None:
    """The double mean, as some apps do it: equal on average, but later positions vary more."""
    chance = random.Random(7)  # noqa: S311 - not for money

    def double_mean(_: int) -> list[int]:
        first = chance.randint(1, 2 * TOTAL_FEN // 3 - 1)
        second = chance.randint(1, (TOTAL_FEN - first) - 1)
        return [first, second, TOTAL_FEN - first - second]

    amounts = all_splits(double_mean)
    assert abs(amounts[:, 0].mean() - TOTAL_FEN / SHARES) < 1
    assert favours_a_position(amounts)

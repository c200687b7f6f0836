"""Cards of a simulated game: each is in one hand or in one set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.planner.chance import Chance, Purpose, below, poisson_table
from services.cli.planner.hands import ORDINARY, Hands, empty_hands

EVERYBODY = slice(0, 4)


def dealt(counts: list[int], rare: list[int], seed: int = 1) -> Hands:
    hands = empty_hands(len(counts))
    words = Chance(seed).words(Purpose.KINDS, 0, 0, len(counts))
    hands.deal_ordinary(slice(0, len(counts)), np.array(counts, np.uint16), words)
    hands.deal_rare(np.array(rare, np.int64))
    return hands


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(0, 200), min_size=4, max_size=4),
    rare=st.lists(st.integers(0, 3), max_size=9),
    seed=st.integers(0, 2**63),
)
def test_everybody_gets_as_many_cards_as_are_dealt(counts: list[int], rare: list[int], seed: int) -> None:
    hands = dealt(counts, sorted(rare), seed)
    assert hands.ordinary.sum(axis=1).tolist() == counts
    assert hands.rare.tolist() == [rare.count(person) for person in range(4)]
    hands.complete(np.ones(4, np.bool_))
    hands.require_conservation()
    assert hands.sets == hands.done.sum() <= len(set(rare))
    again = hands.sets
    hands.complete(np.ones(4, np.bool_))
    assert hands.sets == again


def test_every_ordinary_kind_is_as_frequent_as_any_other() -> None:
    hands = dealt([40] * 10_000, [])
    shares = hands.ordinary.sum(axis=0) / 400_000
    assert shares == pytest.approx([1 / ORDINARY] * ORDINARY, abs=0.005)


@pytest.mark.parametrize(
    ("ordinary", "rare", "looks", "sets"),
    [
        ([1, 1, 1, 1], 1, True, 1),
        ([1, 1, 1, 1], 1, False, 0),
        ([9, 1, 1, 0], 1, True, 0),
        ([1, 1, 1, 1], 0, True, 0),
        ([2, 2, 2, 2], 2, True, 1),
    ],
)
def test_a_set_takes_all_five_and_somebody_who_looks(
    ordinary: list[int],
    rare: int,
    looks: bool,  # noqa: FBT001 - a column of the table
    sets: int,
) -> None:
    hands = empty_hands(1)
    hands.ordinary[0] = ordinary
    hands.rare[0] = rare
    hands.complete(np.array([looks]))
    assert hands.sets == sets
    assert hands.rare[0] == rare - sets


@pytest.mark.parametrize("kind", ["ordinary", "rare"])
def test_a_card_from_nowhere_is_noticed(kind: str) -> None:
    hands = dealt([5, 5, 5, 5], [0, 1])
    getattr(hands, kind)[2] += np.uint16(1)
    with pytest.raises(AssertionError, match="cards issued"):
        hands.require_conservation()


def test_chance_does_not_depend_on_what_was_asked_before() -> None:
    words = Chance(9).words(Purpose.DAY, 3, 1, 50)
    chance = Chance(9)
    chance.words(Purpose.DAY, 2, 1, 50)
    assert (chance.words(Purpose.DAY, 3, 1, 50) == words).all()
    assert (chance.words(Purpose.DAY, 3, 2, 50) != words).any()
    assert int(Chance(2016).words(Purpose.PEOPLE, 0, 0, 1)[0]) == FIRST_WORD


FIRST_WORD = 2_003_668_947_529_646_109
"""So that a new version of a library cannot change what a seed stands for without being noticed."""


def test_counts_follow_their_distribution() -> None:
    table = poisson_table(np.array([0.0, 0.3, 4.0, 1_000.0]))
    assert table.mean(axis=1)[:3] == pytest.approx([0.0, 0.3, 4.0], rel=0.01)
    assert table.var(axis=1)[:3] == pytest.approx([0.0, 0.3, 4.0], rel=0.03)
    assert (table[3] == 255).all()


def test_numbers_below_a_bound_reach_all_of_it() -> None:
    words = Chance(4).halves(Purpose.ASKING, 0, 0, 3_000)
    numbers = below(words, np.full(3_000, 3))
    assert set(numbers.tolist()) == {0, 1, 2}
    assert set(below(words, np.zeros(3_000, np.int64)).tolist()) == {0}

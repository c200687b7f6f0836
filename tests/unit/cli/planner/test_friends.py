"""The graph of friends: everybody has as many as they should, and friendship is mutual."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.planner.calibration import TEMPER
from services.cli.planner.chance import Chance
from services.cli.planner.friends import Friendships
from services.cli.planner.people import people_of


def pairs(friendships: Friendships, counts: list[int]) -> Counter[tuple[int, int]]:
    people = np.repeat(np.arange(len(counts)), counts)
    slots = np.concatenate([np.arange(count) for count in counts]) if counts else people
    friends = friendships.friend(people, slots.astype(np.int64))
    return Counter(zip(people.tolist(), friends.tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=60), seed=st.integers(0, 2**63))
def test_every_end_of_a_friendship_is_one_persons_and_the_other_end_a_friends(
    counts: list[int], seed: int
) -> None:
    found = pairs(Friendships(Chance(seed), np.array(counts, np.uint16)), counts)
    for (person, friend), times in found.items():
        if person != friend:
            assert found[friend, person] == times
        else:  # Both ends of a friendship with oneself, or the one end that is nobody's.
            assert times % 2 == 0 or sum(counts) % 2 == 1


def test_hardly_anybody_is_their_own_friend_or_a_friend_twice() -> None:
    counts = [12] * 2_000
    found = pairs(Friendships(Chance(5), np.array(counts, np.uint16)), counts)
    assert sum(times for (one, other), times in found.items() if one == other) < 60
    assert sum(times > 1 for times in found.values()) < 300


def test_friends_of_a_seed_are_always_the_same_and_of_another_seed_others() -> None:
    counts = [4] * 500
    columns = np.array(counts, np.uint16)
    found = pairs(Friendships(Chance(1), columns), counts)
    assert found == pairs(Friendships(Chance(1), columns), counts)
    assert found != pairs(Friendships(Chance(2), columns), counts)


@pytest.mark.parametrize("mean", [0.0, 2.0, 11.0])
def test_few_have_very_many_friends_and_the_mean_is_as_asked(mean: float) -> None:
    counts = people_of(Chance(3), 200_000, TEMPER, mean).friend_counts
    assert counts.mean() == pytest.approx(mean, rel=0.05)
    if mean:
        assert np.median(counts) < mean
        assert counts.max() > 30 * mean

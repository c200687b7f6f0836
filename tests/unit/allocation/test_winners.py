from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.allocation.domain.winners import Indexes, Winners
from services.mesh.shards.hashing import mix64_column


def find(winners: Winners, people: list[int]) -> Indexes:
    column = np.array(people, np.int64)
    return winners.find(column, mix64_column(column))


@given(st.lists(st.integers(1, 2**63 - 1), unique=True, min_size=1, max_size=300), st.data())
@settings(max_examples=100, deadline=None)
def test_everyone_is_found_under_their_packet_and_nobody_else_is(
    people: list[int], data: st.DataObject
) -> None:
    winners = Winners(len(people))
    start = 0
    while start < len(people):
        stop = start + data.draw(st.integers(1, len(people)))
        winners.add(np.array(people[start:stop], np.int64))
        start = stop
    assert len(winners) == len(people)
    assert find(winners, people).tolist() == list(range(len(people)))
    strangers = [person ^ 1 for person in people if person ^ 1 not in set(people)]
    assert set(find(winners, strangers).tolist()) <= {-1}


def test_a_full_table_of_people_whose_places_collide() -> None:
    count = 4_096
    # Ids in a row, as a database gives them, and a table as full as it gets.
    people = np.arange(1, count + 1, dtype=np.int64)
    winners = Winners(count)
    winners.add(people)
    assert np.array_equal(find(winners, people.tolist()), np.arange(count))
    assert find(winners, (people + count).tolist()).max() == -1


def test_more_winners_than_packets_are_impossible() -> None:
    winners = Winners(2)
    with pytest.raises(AssertionError, match="never more winners than packets"):
        winners.add(np.array([1, 2, 3], np.int64))

"""The plan is balanced, moves as little as possible, and gets there in small steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from services.mesh.shards.plan import next_step, plan

NAMES = st.sampled_from([f"member-{letter}" for letter in "abcdefg"])
COUNTS = st.integers(min_value=0, max_value=6).map(lambda exponent: 1 << exponent)
EQUAL_MEMBERS = st.sets(NAMES, min_size=1).map(lambda names: dict.fromkeys(sorted(names), 1))
WEIGHTED_MEMBERS = st.dictionaries(NAMES, st.integers(min_value=0, max_value=5))


@st.composite
def situations(
    draw: st.DrawFn, members: st.SearchStrategy[dict[str, int]]
) -> tuple[dict[str, int], dict[int, str], int]:
    count = draw(COUNTS)
    current = draw(st.dictionaries(st.integers(min_value=0, max_value=count - 1), NAMES))
    return draw(members), current, count


@given(situations(EQUAL_MEMBERS))
def test_equal_members_get_equal_shares_within_one(
    situation: tuple[dict[str, int], dict[int, str], int],
) -> None:
    members, current, count = situation
    sizes = Counter(plan(members, current, count).assignment.values())
    shares = [sizes[member] for member in members]
    assert max(shares) - min(shares) <= 1


@given(situations(WEIGHTED_MEMBERS))
def test_each_member_gets_its_share_by_capacity_rounded_down_or_up(
    situation: tuple[dict[str, int], dict[int, str], int],
) -> None:
    members, current, count = situation
    total = sum(members.values())
    sizes = Counter(plan(members, current, count).assignment.values())
    for member, capacity in members.items():
        share = Fraction(count * capacity, total) if total else Fraction(0)
        assert floor(share) <= sizes[member] <= ceil(share)


@given(situations(WEIGHTED_MEMBERS))
def test_every_shard_has_an_owner_when_there_is_anybody(
    situation: tuple[dict[str, int], dict[int, str], int],
) -> None:
    members, current, count = situation
    assignment = plan(members, current, count).assignment
    assert set(assignment) == (set(range(count)) if any(members.values()) else set())
    assert set(assignment.values()) <= set(members)


@given(situations(WEIGHTED_MEMBERS))
def test_no_balanced_plan_has_fewer_moves(situation: tuple[dict[str, int], dict[int, str], int]) -> None:
    members, current, count = situation
    assert len(plan(members, current, count).moves) == fewest_moves(members, current, count)


@given(situations(WEIGHTED_MEMBERS))
def test_a_plan_that_is_carried_out_needs_no_further_moves(
    situation: tuple[dict[str, int], dict[int, str], int],
) -> None:
    members, current, count = situation
    first = plan(members, current, count)
    second = plan(members, first.assignment, count)
    assert second.assignment == first.assignment
    assert second.moves == ()


@given(situations(WEIGHTED_MEMBERS), st.integers(min_value=1, max_value=4))
def test_small_steps_reach_the_target_and_no_step_moves_more_than_allowed(
    situation: tuple[dict[str, int], dict[int, str], int], moves_max: int
) -> None:
    members, current, count = situation
    present: Mapping[int, str] = current
    for _ in range(count + 1):
        target = plan(members, present, count).assignment
        following = next_step(members, present, target, moves_max)
        assert moved(members, present, following) <= moves_max
        if following == present:
            break
        present = following
    assert present == plan(members, present, count).assignment


@given(situations(EQUAL_MEMBERS))
def test_a_step_without_moves_still_serves_what_nobody_owns(
    situation: tuple[dict[str, int], dict[int, str], int],
) -> None:
    members, current, count = situation
    following = next_step(members, current, plan(members, current, count).assignment, 0)
    assert set(following) == set(range(count))
    assert moved(members, current, following) == 0


def test_a_member_that_joins_takes_its_share_and_nothing_else_moves() -> None:
    current = {shard: "a" if shard < 4 else "b" for shard in range(8)}
    joined = plan({"a": 1, "b": 1, "c": 1}, current, 8)
    assert Counter(joined.assignment.values()) == {"a": 3, "b": 3, "c": 2}
    assert {(move.giver, move.taker) for move in joined.moves} == {("a", "c"), ("b", "c")}
    assert len(joined.moves) == 2


def test_the_shards_of_a_member_that_died_are_shared_by_the_others_without_moves() -> None:
    current = {shard: "abc"[shard % 3] for shard in range(8)}
    left = plan({"a": 1, "b": 1}, current, 8)
    assert Counter(left.assignment.values()) == {"a": 4, "b": 4}
    assert left.moves == ()


def test_a_member_without_capacity_gives_everything_away() -> None:
    leaving = plan({"a": 1, "b": 0}, {0: "b", 1: "b", 2: "a", 3: "a"}, 4)
    assert set(leaving.assignment.values()) == {"a"}
    assert [move.shard for move in leaving.moves] == [0, 1]


def test_twice_the_capacity_is_twice_the_shards() -> None:
    assert Counter(plan({"a": 2, "b": 1, "c": 1}, {}, 8).assignment.values()) == {"a": 4, "b": 2, "c": 2}


def fewest_moves(members: Mapping[str, int], current: Mapping[int, str], count: int) -> int:
    """What must move in any plan: shards above each share rounded down, less what rounding up saves."""
    total = sum(members.values())
    if total == 0:
        return 0
    owned = Counter(current.values())
    down = {member: count * capacity // total for member, capacity in members.items()}
    above = sum(max(0, owned[member] - share) for member, share in down.items())
    can_keep_one_more = sum(
        1 for member in members if owned[member] > down[member] and count * members[member] % total
    )
    return above - min(count - sum(down.values()), can_keep_one_more)


def moved(members: Mapping[str, int], before: Mapping[int, str], after: Mapping[int, str]) -> int:
    return sum(
        1 for shard, owner in before.items() if owner in members and after.get(shard) not in {owner, None}
    )

"""What becomes of relations of a person who turns out to be another one."""

from __future__ import annotations

import itertools

import pytest

from services.social.domain.relation import Pair, PersonId, Relation, State, taken_over

GUEST, PERSON, THIRD = PersonId(9), PersonId(2), PersonId(5)
STATES = (State.ENDED, State.DECLINED, State.PENDING, State.FRIENDS)


def between(
    one: PersonId,
    state: State,
    asking: PersonId | None = None,
    at_ms: int = 10,
    blocking: PersonId | None = None,
) -> Relation:
    pair = Pair.of(one, THIRD)
    return Relation(
        pair,
        state,
        asking or one,
        both_asked=False,
        changed_ms=at_ms,
        low_blocks=blocking == pair.low,
        high_blocks=blocking == pair.high,
    )


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("asking", [GUEST, THIRD])
def test_a_relation_alone_goes_on_as_it_was(state: State, asking: PersonId) -> None:
    moved = taken_over(between(GUEST, state, asking), GUEST, PERSON, None)
    assert moved == between(PERSON, state, PERSON if asking == GUEST else THIRD)


@pytest.mark.parametrize(("mine", "theirs"), list(itertools.product(STATES, STATES)))
def test_of_two_relations_the_greater_one_counts(mine: State, theirs: State) -> None:
    known = taken_over(between(GUEST, mine, at_ms=10), GUEST, PERSON, between(PERSON, theirs, at_ms=20))
    assert known.state is max(mine, theirs, key=STATES.index)
    assert known.pair == Pair.of(PERSON, THIRD)


def test_friends_are_friends_since_the_earlier_moment_and_who_declined_did_so_at_the_later_one() -> None:
    for state, since_ms in ((State.FRIENDS, 10), (State.PENDING, 10), (State.DECLINED, 20)):
        known = taken_over(between(GUEST, state, at_ms=10), GUEST, PERSON, between(PERSON, state, at_ms=20))
        assert known.changed_ms == since_ms


def test_requests_that_cross_make_friends() -> None:
    mine = between(GUEST, State.PENDING, GUEST, at_ms=10)
    theirs = between(PERSON, State.PENDING, THIRD, at_ms=20)
    known = taken_over(mine, GUEST, PERSON, theirs)
    assert (known.state, known.both_asked, known.asking, known.changed_ms) == (
        State.FRIENDS,
        True,
        PERSON,
        20,
    )


@pytest.mark.parametrize("blocking", [GUEST, THIRD])
@pytest.mark.parametrize("theirs", STATES)
def test_a_block_moves_and_ends_what_it_ends(blocking: PersonId, theirs: State) -> None:
    mine = between(GUEST, State.ENDED, blocking=blocking)
    known = taken_over(mine, GUEST, PERSON, between(PERSON, theirs))
    blocker = PERSON if blocking == GUEST else THIRD
    assert known.is_blocked_by(blocker)
    assert not known.is_blocked_by(THIRD if blocker == PERSON else PERSON)
    assert known.state in (State.ENDED, State.DECLINED)


def test_a_block_that_stands_ends_a_friendship_that_moves() -> None:
    theirs = between(PERSON, State.ENDED, blocking=THIRD)
    known = taken_over(between(GUEST, State.FRIENDS), GUEST, PERSON, theirs)
    assert known.is_blocked_by(THIRD)
    assert known.state is State.ENDED

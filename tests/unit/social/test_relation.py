from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.social.domain import relation
from services.social.domain.errors import (
    AlreadyFriends,
    RequestNotPossible,
    RequestUnknown,
    SelfFriendship,
)
from services.social.domain.relation import Pair, PersonId, Relation, State

A, B = PersonId(7), PersonId(8)
PAUSE_MS = 1000


def asked(by: PersonId = A, state: State = State.PENDING, *, both_asked: bool = False) -> Relation:
    return Relation(Pair(A, B), state, by, both_asked, changed_ms=0)


def test_a_pair_is_the_same_from_both_sides_and_never_of_one() -> None:
    assert Pair.of(A, B) == Pair.of(B, A) == Pair(A, B)
    with pytest.raises(SelfFriendship):
        Pair.of(A, A)


@pytest.mark.parametrize(
    ("before", "asking", "now_ms", "state"),
    [
        (None, A, 5, State.PENDING),
        (asked(A), A, 5, State.PENDING),
        (asked(B), A, 5, State.FRIENDS),  # The other side asked before: both want it.
        (asked(A, State.FRIENDS), A, 5, State.FRIENDS),
        (asked(A, State.DECLINED), A, 5, State.DECLINED),
        (asked(A, State.DECLINED), A, PAUSE_MS, State.PENDING),
        (asked(B, State.DECLINED), A, 5, State.PENDING),  # Who declined may ask at once.
    ],
)
def test_asking(before: Relation | None, asking: PersonId, now_ms: int, state: State) -> None:
    other = B if asking == A else A
    after = relation.ask(before, asking, other, now_ms, PAUSE_MS)
    assert after.state is state
    # A repeat changes nothing.
    assert relation.ask(after, asking, other, now_ms, PAUSE_MS) == after


def test_two_who_asked_each_other_may_both_repeat_it() -> None:
    friends = relation.ask(asked(B), A, B, 5, PAUSE_MS)
    assert relation.ask(friends, B, A, 9, PAUSE_MS) is friends
    assert relation.accept(friends, A, B, 9) is friends
    assert relation.accept(friends, B, A, 9) is friends


def test_asking_a_friend_whose_request_was_accepted_is_an_error() -> None:
    with pytest.raises(AlreadyFriends):
        relation.ask(asked(B, State.FRIENDS), A, B, 5, PAUSE_MS)


@pytest.mark.parametrize("before", [asked(A), asked(A, State.DECLINED), asked(A, State.FRIENDS)])
def test_accepting(before: Relation) -> None:
    after = relation.accept(before, B, A, 5)
    assert after.state is State.FRIENDS
    assert relation.accept(after, B, A, 9) is after


def test_declining() -> None:
    declined = relation.decline(asked(A), B, A, 5)
    assert declined.state is State.DECLINED
    assert relation.decline(declined, B, A, 9) is declined
    with pytest.raises(AlreadyFriends):
        relation.decline(asked(A, State.FRIENDS), B, A, 5)


@pytest.mark.parametrize("answer", [relation.accept, relation.decline])
@pytest.mark.parametrize("before", [None, asked(B), asked(B, State.DECLINED)])
def test_only_a_request_of_the_other_side_can_be_answered(before: Relation | None, answer: object) -> None:
    assert callable(answer)
    with pytest.raises(RequestUnknown):
        answer(before, B, A, 5)


def test_removing_ends_a_friendship_and_leaves_everything_else() -> None:
    ended = relation.remove(asked(A, State.FRIENDS), B, A, 5)
    assert (ended.state, ended.changed_ms) == (State.ENDED, 5)
    assert relation.remove(ended, A, B, 9) is ended
    for other in (asked(A), asked(B, State.DECLINED)):
        assert relation.remove(other, A, B, 9) is other


def test_two_who_parted_ask_each_other_anew() -> None:
    ended = relation.remove(asked(A, State.FRIENDS), B, A, 5)
    for answer in (relation.accept, relation.decline):
        for one, other in ((A, B), (B, A)):
            with pytest.raises(RequestUnknown):
                answer(ended, one, other, 9)
    pending = relation.ask(ended, B, A, 9, PAUSE_MS)
    assert (pending.state, pending.asking) == (State.PENDING, B)
    assert relation.ask(pending, A, B, 10, PAUSE_MS).state is State.FRIENDS


@pytest.mark.parametrize("before", [None, asked(A), asked(B), asked(A, State.FRIENDS)])
def test_blocking_ends_what_there_was_and_lets_neither_ask(before: Relation | None) -> None:
    blocked = relation.block(before, B, A, 5)
    assert (blocked.state, blocked.is_blocked_by(A), blocked.is_blocked_by(B)) == (State.ENDED, False, True)
    assert relation.block(blocked, B, A, 9) == blocked
    for one, other in ((A, B), (B, A)):
        with pytest.raises(RequestNotPossible):
            relation.ask(blocked, one, other, 9, PAUSE_MS)
        with pytest.raises(RequestUnknown):
            relation.accept(blocked, one, other, 9)


def test_each_of_two_takes_back_their_own_block_only() -> None:
    both = relation.block(relation.block(None, A, B, 5), B, A, 6)
    one = relation.unblock(both, A, B, 7)
    assert (one.is_blocked_by(A), one.is_blocked_by(B)) == (False, True)
    assert relation.unblock(one, A, B, 8) == one
    none = relation.unblock(one, B, A, 9)
    assert relation.ask(none, A, B, 10, PAUSE_MS).state is State.PENDING


def test_a_block_is_no_way_round_the_time_to_wait_after_a_refusal() -> None:
    declined = asked(A, State.DECLINED)
    unblocked = relation.unblock(relation.block(declined, A, B, 5), A, B, 6)
    assert relation.ask(unblocked, A, B, PAUSE_MS - 1, PAUSE_MS).state is State.DECLINED
    assert relation.ask(unblocked, A, B, PAUSE_MS, PAUSE_MS).state is State.PENDING


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "accept", "decline", "remove", "block", "unblock"]),
        st.booleans(),
        st.integers(0, 2 * PAUSE_MS),
    ),
    max_size=16,
)


def step(known: Relation | None, action: str, one: PersonId, other: PersonId, now_ms: int) -> Relation | None:
    """The relation afterwards; the same one when the step is refused."""
    try:
        if action == "ask":
            return relation.ask(known, one, other, now_ms, PAUSE_MS)
        changes = {
            "accept": relation.accept,
            "decline": relation.decline,
            "remove": relation.remove,
            "block": relation.block,
            "unblock": relation.unblock,
        }
        return changes[action](known, one, other, now_ms)
    except (AlreadyFriends, RequestNotPossible, RequestUnknown):
        return known


@given(_STEPS)
def test_only_parting_ends_a_friendship_and_only_who_blocked_can_unblock(
    steps: list[tuple[str, bool, int]],
) -> None:
    known: Relation | None = None
    blocks = {A: False, B: False}
    now_ms = 0
    for action, turned, wait_ms in steps:
        one, other = (B, A) if turned else (A, B)
        now_ms += wait_ms
        after = step(known, action, one, other, now_ms)
        if action in ("block", "unblock"):
            blocks[one] = action == "block"
        were_friends = known is not None and known.state is State.FRIENDS
        if were_friends and action not in ("remove", "block"):
            assert after == known
        if were_friends:
            assert after is not None
            assert (after.state is State.FRIENDS) == (action not in ("remove", "block"))
        if after is not None:
            assert {person: after.is_blocked_by(person) for person in (A, B)} == blocks
            assert not (any(blocks.values()) and after.state in (State.PENDING, State.FRIENDS))
        # A repeat changes nothing.
        assert action == "ask" or step(after, action, one, other, now_ms) == after
        known = after

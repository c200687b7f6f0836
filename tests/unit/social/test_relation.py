from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.social.domain import relation
from services.social.domain.errors import AlreadyFriends, RequestUnknown, SelfFriendship
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


_STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "accept", "decline"]), st.booleans(), st.integers(0, 2 * PAUSE_MS)),
    max_size=12,
)


@given(_STEPS)
def test_friends_stay_friends_and_came_about_once_whatever_is_tried(
    steps: list[tuple[str, bool, int]],
) -> None:
    known: Relation | None = None
    now_ms = friendships = 0
    for action, turned, wait_ms in steps:
        one, other = (B, A) if turned else (A, B)
        now_ms += wait_ms
        try:
            if action == "ask":
                after = relation.ask(known, one, other, now_ms, PAUSE_MS)
            elif action == "accept":
                after = relation.accept(known, one, other, now_ms)
            else:
                after = relation.decline(known, one, other, now_ms)
        except (AlreadyFriends, RequestUnknown):
            continue
        were_friends = known is not None and known.state is State.FRIENDS
        friendships += after.state is State.FRIENDS and not were_friends
        assert not were_friends or after == known
        known = after
    assert friendships <= 1

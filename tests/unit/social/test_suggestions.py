"""Whom somebody may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from services.mesh.clock import ManualClock
from services.social.domain.errors import PageTokenInvalid, SelfFriendship
from services.social.domain.relation import Pair, PersonId, Relation, State
from services.social.domain.suggestions import SuggestionLimits, Suggestions, rank

ME = PersonId(1)
DAY_MS = 86_400_000


class Known:
    """A graph in memory, as the port tells it."""

    def __init__(self, friends: Mapping[int, Sequence[int]], relations: Sequence[Relation] = ()) -> None:
        self._friends = {
            PersonId(person): [PersonId(one) for one in known] for person, known in friends.items()
        }
        self._relations = {relation.pair: relation for relation in relations}

    async def mutual(self, person: PersonId, other: PersonId) -> Sequence[PersonId]:
        return sorted(set(self._friends[person]) & set(self._friends[other]))

    async def friends_of_friends(
        self, person: PersonId, friends_max: int, theirs_max: int
    ) -> Sequence[Sequence[PersonId]]:
        return [self._friends[friend][:theirs_max] for friend in self._friends[person][:friends_max]]

    async def relations(self, person: PersonId, others: Sequence[PersonId]) -> Sequence[Relation]:
        pairs = [Pair.of(person, other) for other in others]
        return [self._relations[pair] for pair in pairs if pair in self._relations]


def relation(other: int, state: State, changed_ms: int = 0, *, is_blocked: bool = False) -> Relation:
    pair = Pair.of(ME, PersonId(other))
    return Relation(pair, state, ME, both_asked=False, changed_ms=changed_ms, high_blocks=is_blocked)


def suggesting(known: Known, friends_max: int = 10, theirs_max: int = 10) -> Suggestions:
    limits = SuggestionLimits(friends_max, theirs_max, ask_again_after_ms=DAY_MS)
    return Suggestions(known, ManualClock(now_ms=2 * DAY_MS), limits)


def test_who_has_most_friends_in_common_comes_first_and_nobody_meets_themself() -> None:
    ranked = rank(ME, [[ME, PersonId(4), PersonId(5)], [PersonId(5), PersonId(3)]])
    assert [(one.person, one.mutual_count) for one in ranked] == [(5, 2), (3, 1), (4, 1)]


async def test_friends_blocked_asked_and_those_who_declined_lately_are_left_out() -> None:
    known = Known(
        {1: [2], 2: [1, 10, 11, 12, 13, 14, 15]},
        [
            relation(10, State.FRIENDS),
            relation(11, State.PENDING),
            relation(12, State.ENDED, is_blocked=True),
            relation(13, State.DECLINED, changed_ms=DAY_MS + 1),
            relation(14, State.DECLINED, changed_ms=DAY_MS),
        ],
    )
    assert [one.person for one in await suggesting(known).suggest(ME, 10)] == [14, 15]


async def test_no_more_is_looked_at_than_the_limits_say() -> None:
    known = Known({1: [2, 3], 2: [8, 9], 3: [7]})
    found = await suggesting(known, friends_max=1, theirs_max=1).suggest(ME, 10)
    assert [one.person for one in found] == [8]


async def test_candidates_far_down_are_reached_when_all_before_are_friends() -> None:
    many = range(10, 610)
    known = Known({1: [2], 2: list(many)}, [relation(other, State.FRIENDS) for other in many[:-1]])
    found = await suggesting(known, theirs_max=1_000).suggest(ME, 3)
    assert [one.person for one in found] == [many[-1]]


async def test_friends_in_common_come_in_pages_from_either_side() -> None:
    known = Known({1: [3, 4, 5], 2: [5, 4, 3, 6]})
    one, other = ME, PersonId(2)
    first = await suggesting(known).mutual(one, other, 2, "")
    rest = await suggesting(known).mutual(other, one, 2, first.next_page_token)
    assert (first.people, first.count) == ([3, 4], 3)
    assert (rest.people, rest.next_page_token, rest.count) == ([5], "", 3)


async def test_a_token_of_two_others_is_refused_and_so_is_asking_about_oneself() -> None:
    known = Known({1: [3, 4], 2: [3, 4], 7: [3, 4]})
    page = await suggesting(known).mutual(ME, PersonId(2), 1, "")
    with pytest.raises(PageTokenInvalid):
        await suggesting(known).mutual(ME, PersonId(7), 1, page.next_page_token)
    with pytest.raises(SelfFriendship):
        await suggesting(known).mutual(ME, ME, 1, "")

"""Whom two have in common, and whom somebody may know. What is looked at is bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from services.social.domain import pages
from services.social.domain.friendships import other_side
from services.social.domain.ports import WallClock
from services.social.domain.relation import Pair, PersonId, Relation, State

SUGGESTIONS_DEFAULT = 20
_CANDIDATES_MAX = 1_000
"""Of people around a person, the first so many are looked at more closely."""
_LOOK_AT = 250
"""Candidates looked at together."""


@dataclass(frozen=True, slots=True)
class MutualPage:
    """Some of the friends that two have in common."""

    people: Sequence[PersonId]
    next_page_token: str
    """Empty after the last page."""
    count: int
    """How many they have in common, over all pages."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody whom a person may know."""

    person: PersonId
    mutual_count: int


class NeighbourStore(Protocol):
    """Looks at friends of friends."""

    async def mutual(self, person: PersonId, other: PersonId) -> Sequence[PersonId]:
        """Friends of both, by rising number; none when one of the two has blocked the other."""
        ...

    async def friends_of_friends(
        self, person: PersonId, friends_max: int, theirs_max: int
    ) -> Sequence[Sequence[PersonId]]:
        """Of each of at most `friends_max` friends at most `theirs_max` of theirs."""
        ...

    async def relations(self, person: PersonId, others: Sequence[PersonId]) -> Sequence[Relation]:
        """What there is between a person and each of the others, where there is anything."""
        ...


@dataclass(frozen=True, slots=True)
class SuggestionLimits:
    """How far suggestions look."""

    friends_max: int
    """Friends of the person."""
    theirs_max: int
    """Friends of each of them."""
    ask_again_after_ms: int
    """Who has declined is not suggested for so long."""


class Suggestions:
    """What people ask about people around them."""

    def __init__(self, store: NeighbourStore, clock: WallClock, limits: SuggestionLimits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits

    async def mutual(self, person: PersonId, other: PersonId, page_size: int, page_token: str) -> MutualPage:
        """A page of the friends in common. Raises `SelfFriendship` or `PageTokenInvalid`."""
        pair = Pair.of(person, other)
        listing = f"mutual-{pair.high}"
        after = pages.last_of(page_token, listing, pair.low)
        found = await self._store.mutual(person, other)
        ahead = [friend for friend in found if friend > after]
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        shown = ahead[:size]
        token = "" if len(ahead) <= size else pages.token(listing, pair.low, shown[-1])
        return MutualPage(shown, token, len(found))

    async def suggest(self, person: PersonId, suggestions_max: int) -> Sequence[Suggestion]:
        """Whom a person may know; 0 means the default number of suggestions."""
        wanted = suggestions_max or SUGGESTIONS_DEFAULT
        since_ms = self._clock.now_ms() - self._limits.ask_again_after_ms
        around = await self._store.friends_of_friends(
            person, self._limits.friends_max, self._limits.theirs_max
        )
        ranked = rank(person, around)[:_CANDIDATES_MAX]
        chosen: list[Suggestion] = []
        # Most of the best ones are friends already, so a few more than wanted are looked at together.
        for start in range(0, len(ranked), _LOOK_AT):
            candidates = ranked[start : start + _LOOK_AT]
            known = await self._store.relations(person, [candidate.person for candidate in candidates])
            excluded = {other_side(one, person) for one in known if _stands_in_the_way(one, since_ms)}
            chosen.extend(candidate for candidate in candidates if candidate.person not in excluded)
            if len(chosen) >= wanted:
                break
        return chosen[:wanted]


def rank(person: PersonId, around: Iterable[Iterable[PersonId]]) -> Sequence[Suggestion]:
    """Everybody around, those with most friends in common first, and of these the lowest number."""
    counts = Counter(chain.from_iterable(around))
    del counts[person]
    best = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
    return [Suggestion(candidate, count) for candidate, count in best]


def _stands_in_the_way(relation: Relation, declined_since_ms: int) -> bool:
    """Whether two are friends, blocked or asked, or one has declined since that moment."""
    is_fresh = relation.state is State.DECLINED and relation.changed_ms > declined_since_ms
    return relation.state in (State.FRIENDS, State.PENDING) or relation.is_blocked or is_fresh

"""Asking, accepting, declining, parting, blocking, and looking how people stand to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.social.domain import pages, relation
from services.social.domain.ports import (
    Decision,
    Direction,
    Figures,
    Limits,
    RelationStore,
    Standing,
    WallClock,
)
from services.social.domain.relation import PersonId, Relation

FIGURES_FRIENDS_MAX = 100
"""How many friends stand for all, as the contract says."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some relations of a person's list."""

    relations: Sequence[Relation]
    next_page_token: str
    """Empty after the last page."""
    remarks: Mapping[PersonId, str] = field(default_factory=dict)
    """What the person calls some of the others, in a list of friends."""


class Friendships:
    """What people do with their relations."""

    def __init__(
        self, store: RelationStore, clock: WallClock, limits: Limits, *, ask_again_after_ms: int
    ) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._ask_again_after_ms = ask_again_after_ms

    async def ask(self, asking: PersonId, other: PersonId, trace_context: str) -> Relation:
        """Asks to be friends. Raises `SelfFriendship`, `AlreadyFriends`, `RequestNotPossible` or a limit."""
        now_ms, pause_ms = self._clock.now_ms(), self._ask_again_after_ms
        return await self._change(
            asking,
            other,
            lambda was, me, them: relation.ask(was, me, them, now_ms, pause_ms),
            trace_context,
        )

    async def accept(self, person: PersonId, asking: PersonId, trace_context: str) -> Relation:
        """Accepts a request. Raises `SelfFriendship`, `RequestUnknown`, `AlreadyFriends` or a limit."""
        now_ms = self._clock.now_ms()
        return await self._change(
            person, asking, lambda was, me, them: relation.accept(was, me, them, now_ms), trace_context
        )

    async def decline(self, person: PersonId, asking: PersonId) -> Relation:
        """Declines a request. Raises `SelfFriendship`, `RequestUnknown` or `AlreadyFriends`."""
        now_ms = self._clock.now_ms()
        return await self._change(
            person, asking, lambda was, me, them: relation.decline(was, me, them, now_ms), ""
        )

    async def remove(self, person: PersonId, other: PersonId, trace_context: str) -> None:
        """Ends a friendship, if there is one. Raises `SelfFriendship`."""
        now_ms = self._clock.now_ms()
        await self._change(
            person, other, lambda was, me, them: relation.remove(was, me, them, now_ms), trace_context
        )

    async def block(self, person: PersonId, other: PersonId, trace_context: str) -> None:
        """Blocks another person. Raises `SelfFriendship` or `BlockLimitReached`."""
        now_ms = self._clock.now_ms()
        await self._change(
            person, other, lambda was, me, them: relation.block(was, me, them, now_ms), trace_context
        )

    async def unblock(self, person: PersonId, other: PersonId) -> None:
        """Takes the person's own block back, if there is one. Raises `SelfFriendship`."""
        now_ms = self._clock.now_ms()
        await self._change(person, other, lambda was, me, them: relation.unblock(was, me, them, now_ms), "")

    async def friends(self, person: PersonId, page_size: int, page_token: str) -> Page:
        """A page of the person's friends; a size of 0 means the default. Raises `PageTokenInvalid`."""
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        after = PersonId(pages.last_of(page_token, "friends", person))
        # One more than asked for tells whether there is another page.
        found, remarks = await self._store.friends_named(person, after, size + 1)
        return replace(_page(found, size, "friends", person), remarks=remarks)

    async def set_remark(self, person: PersonId, friend: PersonId, remark: str) -> None:
        """Keeps what a person calls a friend; empty, nothing. Raises `SelfFriendship` or `FriendUnknown`."""
        await self._store.set_remark(person, friend, remark)

    async def requests(self, person: PersonId, direction: Direction, page_size: int, page_token: str) -> Page:
        """A page of the person's unanswered requests. Raises `PageTokenInvalid`."""
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        after = PersonId(pages.last_of(page_token, direction.name, person))
        found = await self._store.requests(person, direction, after, size + 1)
        return _page(found, size, direction.name, person)

    async def blocked(self, person: PersonId, page_size: int, page_token: str) -> Page:
        """A page of the relations with people whom the person has blocked. Raises `PageTokenInvalid`."""
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        after = PersonId(pages.last_of(page_token, "blocked", person))
        return _page(await self._store.blocked(person, after, size + 1), size, "blocked", person)

    async def standings(self, pairs: Sequence[tuple[PersonId, PersonId]]) -> Sequence[Standing]:
        """How the two of each pair stand to each other, all at one moment."""
        return await self._store.standings(pairs)

    async def figures(self, person: PersonId) -> Figures:
        """What can be said of the person in numbers."""
        found = await self._store.friends(person, PersonId(0), FIGURES_FRIENDS_MAX)
        friends = await self._store.friend_count(person)
        return Figures(friends, [other_side(known, person) for known in found])

    async def check(self, person: PersonId, others: Sequence[PersonId]) -> list[bool]:
        """For each of the others whether they are the person's friend."""
        friends = await self._store.friends_among(person, others)
        return [other in friends for other in others]

    async def _change(self, one: PersonId, other: PersonId, decide: Decision, trace_context: str) -> Relation:
        return await self._store.change(one, other, decide, self._limits, trace_context)


def other_side(known: Relation, person: PersonId) -> PersonId:
    """The one of the pair who is not this person."""
    return known.pair.high if person == known.pair.low else known.pair.low


def _page(found: Sequence[Relation], size: int, listing: str, person: PersonId) -> Page:
    if len(found) <= size:
        return Page(found, "")
    shown = found[:size]
    return Page(shown, pages.token(listing, person, other_side(shown[-1], person)))

"""What can happen between two people.

A relation is one value for both sides, so it cannot be asymmetric: there is nothing to keep in step.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import NewType

from services.social.domain.errors import (
    AlreadyFriends,
    RequestNotPossible,
    RequestUnknown,
    SelfFriendship,
)

PersonId = NewType("PersonId", int)


class State(enum.IntEnum):
    """Where a relation stands; numbers are the contract's `RelationState`, which does not tell of an end."""

    PENDING = 1
    FRIENDS = 2
    DECLINED = 3
    ENDED = 4
    """There is neither a request nor a friendship, or no longer."""


class End(enum.IntEnum):
    """How a friendship ended; numbers are the contract's `FriendshipEndReason`."""

    REMOVED = 1
    BLOCKED = 2
    MERGED = 3
    """One of the two turned out to be another person, who has the friendship from now on."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two different people, in one order whoever asks."""

    low: PersonId
    high: PersonId

    def __post_init__(self) -> None:
        assert self.low < self.high, "a pair is ordered and of two people"

    @classmethod
    def of(cls, one: PersonId, other: PersonId) -> Pair:
        """Orders the two. Raises `SelfFriendship`."""
        if one == other:
            raise SelfFriendship(one)
        return cls(min(one, other), max(one, other))


@dataclass(frozen=True, slots=True)
class Relation:
    """All there is between two people."""

    pair: Pair
    state: State
    asking: PersonId
    """Who asked; of two who asked each other, the first. Means nothing once it has ended."""
    both_asked: bool
    """Whether the other one asked as well, which made them friends without an answer."""
    changed_ms: int
    """When the state came about, milliseconds since the Unix epoch: for friends, since when."""
    low_blocks: bool = False
    """Whether the lower person has blocked the higher one."""
    high_blocks: bool = False
    """Whether the higher person has blocked the lower one."""

    def __post_init__(self) -> None:
        assert self.asking in (self.pair.low, self.pair.high), "one of the two has asked"
        assert not self.both_asked or self.state is State.FRIENDS, "two who ask each other are friends"
        assert not self.is_blocked or self.state in (State.DECLINED, State.ENDED), "a block ends the rest"

    @property
    def is_blocked(self) -> bool:
        """Whether one of the two has blocked the other."""
        return self.low_blocks or self.high_blocks

    def is_blocked_by(self, person: PersonId) -> bool:
        """Whether this person has blocked the other one."""
        return self.low_blocks if person == self.pair.low else self.high_blocks

    def was_asked_by(self, person: PersonId) -> bool:
        """Whether there is something that this person has asked for."""
        return self.state is not State.ENDED and (self.asking == person or self.both_asked)


def ask(
    relation: Relation | None, asking: PersonId, other: PersonId, now_ms: int, ask_again_after_ms: int
) -> Relation:
    """`asking` asks `other`; the relation afterwards, the same one when a repeat changes nothing.

    Raises `AlreadyFriends` when they are friends because of the other one's request alone, and
    `RequestNotPossible` when one has blocked the other.
    """
    if relation is None:
        return Relation(Pair.of(asking, other), State.PENDING, asking, both_asked=False, changed_ms=now_ms)
    if relation.is_blocked:
        raise RequestNotPossible(asking, other)
    if relation.state is State.FRIENDS:
        if relation.was_asked_by(asking):
            return relation
        raise AlreadyFriends(asking, other)
    if relation.state is State.PENDING:
        if relation.asking == asking:
            return relation
        return replace(relation, state=State.FRIENDS, both_asked=True, changed_ms=now_ms)
    was_declined = relation.state is State.DECLINED and relation.asking == asking
    if was_declined and now_ms < relation.changed_ms + ask_again_after_ms:
        return relation
    return replace(relation, state=State.PENDING, asking=asking, changed_ms=now_ms)


def accept(relation: Relation | None, person: PersonId, asking: PersonId, now_ms: int) -> Relation:
    """`person` accepts the request of `asking`; a declined one too, and a repeat changes nothing.

    Raises `RequestUnknown`, or `AlreadyFriends` when they are friends through `person`'s own request alone.
    """
    known = _answerable(relation, person, asking)
    return known if known.state is State.FRIENDS else replace(known, state=State.FRIENDS, changed_ms=now_ms)


def decline(relation: Relation | None, person: PersonId, asking: PersonId, now_ms: int) -> Relation:
    """`person` declines the request of `asking`; a repeat changes nothing.

    Raises `RequestUnknown`, or `AlreadyFriends` when it was accepted before.
    """
    known = _answerable(relation, person, asking)
    if known.state is State.FRIENDS:
        raise AlreadyFriends(person, asking)
    return known if known.state is State.DECLINED else replace(known, state=State.DECLINED, changed_ms=now_ms)


def remove(relation: Relation | None, person: PersonId, other: PersonId, now_ms: int) -> Relation:
    """Ends a friendship; where there is none, nothing changes."""
    known = relation or _nothing(person, other, now_ms)
    return _ended(known, now_ms) if known.state is State.FRIENDS else known


def block(relation: Relation | None, person: PersonId, other: PersonId, now_ms: int) -> Relation:
    """`person` blocks `other`, whatever there was between them; a repeat changes nothing.

    That a request was declined is kept: blocking and unblocking is no way round the time to wait then.
    """
    known = relation or _nothing(person, other, now_ms)
    if known.state in (State.PENDING, State.FRIENDS):
        known = _ended(known, now_ms)
    return _with_block(known, person, is_blocked=True)


def unblock(relation: Relation | None, person: PersonId, other: PersonId, now_ms: int) -> Relation:
    """`person` takes their own block back, not the other one's; where there is none, nothing changes."""
    return _with_block(relation or _nothing(person, other, now_ms), person, is_blocked=False)


def taken_over(mine: Relation, provisional: PersonId, person: PersonId, theirs: Relation | None) -> Relation:
    """What `person` and somebody else are to each other once `provisional` turned out to be that person.

    `mine` is what the provisional person was to the third one, `theirs` what the person is to them. What is
    more counts: friends, asked, declined, ended; two requests that cross make friends, as they always do.
    Blocks of either count on, and end what they end elsewhere. Since when they are friends stays.
    """
    third = mine.pair.high if mine.pair.low == provisional else mine.pair.low
    assert third != person, "nobody is anything to themself"
    moved = _renamed(mine, provisional, person, third)
    known = moved if theirs is None else _stronger(theirs, moved)
    blocks_out = moved.is_blocked_by(person) or (theirs is not None and theirs.is_blocked_by(person))
    blocks_in = moved.is_blocked_by(third) or (theirs is not None and theirs.is_blocked_by(third))
    if (blocks_out or blocks_in) and known.state in (State.PENDING, State.FRIENDS):
        known = _ended(known, known.changed_ms)
    known = _with_block(known, person, is_blocked=blocks_out)
    return _with_block(known, third, is_blocked=blocks_in)


def _renamed(known: Relation, before: PersonId, after: PersonId, third: PersonId) -> Relation:
    pair = Pair.of(after, third)
    return replace(
        known,
        pair=pair,
        asking=after if known.asking == before else third,
        low_blocks=known.is_blocked_by(before if pair.low == after else third),
        high_blocks=known.is_blocked_by(before if pair.high == after else third),
    )


_STRENGTH = (State.ENDED, State.DECLINED, State.PENDING, State.FRIENDS)
"""What counts more when two relations become one."""


def _stronger(one: Relation, other: Relation) -> Relation:
    """One of the two, or what comes of both; without regard to blocks, which whoever asks adds."""
    bare = [replace(known, low_blocks=False, high_blocks=False) for known in (one, other)]
    if one.state is other.state is State.PENDING and one.asking != other.asking:
        first, last = sorted(bare, key=lambda known: known.changed_ms)
        return replace(first, state=State.FRIENDS, both_asked=True, changed_ms=last.changed_ms)
    if one.state is not other.state:
        return max(bare, key=lambda known: _STRENGTH.index(known.state))
    # Of two alike: who are friends have been since the earlier one, who was declined waits for the later one.
    choose = min if one.state in (State.PENDING, State.FRIENDS) else max
    return choose(bare, key=lambda known: known.changed_ms)


def _nothing(one: PersonId, other: PersonId, now_ms: int) -> Relation:
    return Relation(Pair.of(one, other), State.ENDED, one, both_asked=False, changed_ms=now_ms)


def _ended(known: Relation, now_ms: int) -> Relation:
    return replace(known, state=State.ENDED, both_asked=False, changed_ms=now_ms)


def _with_block(known: Relation, person: PersonId, *, is_blocked: bool) -> Relation:
    if person == known.pair.low:
        return replace(known, low_blocks=is_blocked)
    return replace(known, high_blocks=is_blocked)


def _answerable(relation: Relation | None, person: PersonId, asking: PersonId) -> Relation:
    # To who was asked, a block looks as if the request were gone.
    if relation is None or relation.is_blocked:
        raise RequestUnknown(person, asking)
    if relation.was_asked_by(asking):
        return relation
    if relation.state is State.FRIENDS:
        raise AlreadyFriends(person, asking)
    raise RequestUnknown(person, asking)

"""What can happen between two people.

A relation is one value for both sides, so it cannot be asymmetric: there is nothing to keep in step.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import NewType

from services.social.domain.errors import AlreadyFriends, RequestUnknown, SelfFriendship

PersonId = NewType("PersonId", int)


class State(enum.IntEnum):
    """Where a relation stands; numbers are the contract's `RelationState`."""

    PENDING = 1
    FRIENDS = 2
    DECLINED = 3


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
    """Who asked; of two who asked each other, the first."""
    both_asked: bool
    """Whether the other one asked as well, which made them friends without an answer."""
    changed_ms: int
    """When the state came about, milliseconds since the Unix epoch: for friends, since when."""

    def __post_init__(self) -> None:
        assert self.asking in (self.pair.low, self.pair.high), "one of the two has asked"
        assert not self.both_asked or self.state is State.FRIENDS, "two who ask each other are friends"

    def was_asked_by(self, person: PersonId) -> bool:
        """Whether this person has asked."""
        return self.asking == person or self.both_asked


def ask(
    relation: Relation | None, asking: PersonId, other: PersonId, now_ms: int, ask_again_after_ms: int
) -> Relation:
    """`asking` asks `other`; the relation afterwards, the same one when a repeat changes nothing.

    Raises `AlreadyFriends` when they are friends because of the other one's request alone.
    """
    if relation is None:
        return Relation(Pair.of(asking, other), State.PENDING, asking, both_asked=False, changed_ms=now_ms)
    if relation.state is State.FRIENDS:
        if relation.was_asked_by(asking):
            return relation
        raise AlreadyFriends(asking, other)
    if relation.state is State.PENDING:
        if relation.asking == asking:
            return relation
        return replace(relation, state=State.FRIENDS, both_asked=True, changed_ms=now_ms)
    if relation.asking == asking and now_ms < relation.changed_ms + ask_again_after_ms:
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


def _answerable(relation: Relation | None, person: PersonId, asking: PersonId) -> Relation:
    if relation is None:
        raise RequestUnknown(person, asking)
    if relation.was_asked_by(asking):
        return relation
    if relation.state is State.FRIENDS:
        raise AlreadyFriends(person, asking)
    raise RequestUnknown(person, asking)

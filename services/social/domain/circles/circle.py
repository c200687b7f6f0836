"""What a circle is, what people write there, and who may."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NewType

from services.social.domain.circles.errors import CommentUnknown, CreditTooLow, NotAuthor, PostUnknown
from services.social.domain.relation import PersonId

CircleId = NewType("CircleId", int)
TextId = NewType("TextId", int)
"""Names something that somebody wrote, wherever it stands: a function of writer and request."""

RAISES_MAX = 3
"""So many ways to raise a score are told."""
_DAY_MS = 86_400_000
_BEIJING_MS = 8 * 3_600_000


class ContentState(enum.IntEnum):
    """Whether a text is there; numbers are those of the contract."""

    VISIBLE = 1
    TAKEN_DOWN = 2
    ERASED = 3
    """Never kept: what cannot be opened any more was erased with its author."""
    REMOVED = 4
    """By its author."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands."""

    circle_id: CircleId
    post_id: int
    """From 1 in each circle."""
    comment_id: int = 0
    """From 1 below each post; 0 for the post itself."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle as it stands."""

    circle_id: CircleId
    name: str
    """Empty when who created it was erased."""
    owner: PersonId
    post_score_min: int
    """0 for everybody."""
    comment_score_min: int
    created_ms: int


@dataclass(frozen=True, slots=True)
class NewCircle:
    """A circle that somebody wants."""

    owner: PersonId
    request_id: str
    name: str
    post_score_min: int
    comment_score_min: int
    created_ms: int

    @property
    def text_id(self) -> TextId:
        """Its name, from who wants it and what the request is called: a repeat finds the same."""
        return _text_id(self.owner, self.request_id)


@dataclass(frozen=True, slots=True)
class Draft:
    """A post or a comment that somebody wants to write."""

    request_id: str
    circle_id: CircleId
    post_id: int
    """0 for a new post."""
    author: PersonId
    words: str
    written_ms: int

    @property
    def text_id(self) -> TextId:
        """As of a circle."""
        return _text_id(self.author, self.request_id)


@dataclass(frozen=True, slots=True)
class Content:
    """A post or a comment as a reader sees it."""

    place: Place
    author: PersonId
    words: str
    state: ContentState
    written_ms: int
    like_count: int
    comment_count: int
    is_liked: bool
    decision_words: str
    """Of the operator who took it down; else empty."""


@dataclass(frozen=True, slots=True)
class Score:
    """A person's credit score."""

    points: int
    raises: Sequence[tuple[str, Mapping[str, str]]]
    """What would raise it, what brings most first: a name, and what to do by language."""


def unknown(place: Place) -> PostUnknown | CommentUnknown:
    """What is said of a text that is not there, or not for whoever asks."""
    if place.comment_id:
        return CommentUnknown(place.circle_id, place.post_id, place.comment_id)
    return PostUnknown(place.circle_id, place.post_id)


def removed(place: Place, state: ContentState, author: PersonId, person: PersonId) -> ContentState:
    """The state of a text after a person has removed it; what was taken down stays so.

    Raises `NotAuthor`, and `PostUnknown` or `CommentUnknown` of what this person does not see.
    """
    if person != author:
        if state is not ContentState.VISIBLE:
            raise unknown(place)
        raise NotAuthor(place.circle_id, place.post_id, place.comment_id)
    return ContentState.REMOVED if state is ContentState.VISIBLE else state


def check_score(circle_id: CircleId, score_min: int, score: Score) -> None:
    """Raises `CreditTooLow` for a score below what is asked for."""
    if score.points < score_min:
        raise CreditTooLow(circle_id, score_min, score.points, score.raises[:RAISES_MAX])


def day_of(time_ms: int) -> int:
    """The day of Beijing, numbered."""
    return (time_ms + _BEIJING_MS) // _DAY_MS


def _text_id(writer: PersonId, request_id: str) -> TextId:
    digest = hashlib.sha256(f"circle\x00{writer}\x00{request_id.lower()}".encode()).digest()
    return TextId(int.from_bytes(digest[:8], "big") >> 1 or 1)

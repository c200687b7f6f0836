"""What circles need of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.social.domain.circles.circle import Circle, CircleId, Content, Draft, NewCircle, Place, Score
from services.social.domain.circles.report import (
    Complaint,
    Decision,
    Notice,
    ReportId,
    ReportState,
    ShownReport,
)
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class CircleLimits:
    """How much of it one person may have."""

    circles_max: int
    """Circles that the person created."""
    texts_per_day_max: int
    """Posts and comments."""


class Scores(Protocol):
    """Credit scores, which are identity's."""

    async def score_of(self, person: PersonId) -> Score:
        """A person's score, as it was a moment ago. Raises `CreditUnavailable`."""
        ...


class CircleStore(Protocol):
    """Keeps circles and what is written there. Words are sealed under a key of whoever wrote them."""

    async def create(self, new: NewCircle, limits: CircleLimits) -> Circle:
        """Keeps a circle, or returns the one with its name; atomic, and durable on return.

        Raises `RequestIdReused` and `CircleLimitReached`.
        """
        ...

    async def circle(self, circle_id: CircleId) -> Circle:
        """Raises `CircleUnknown`."""
        ...

    async def circles(self, before: int, limit: int) -> Sequence[Circle]:
        """At most `limit` circles with lower numbers, the newest first; 0 for the newest ones."""
        ...

    async def written(self, draft: Draft) -> Content | None:
        """What the same request wrote before. Raises `RequestIdReused`."""
        ...

    async def write(self, draft: Draft, limits: CircleLimits) -> Content:
        """Writes; atomic, and durable on return.

        Raises as `written`, `PostUnknown` and `TextLimitReached`.
        """
        ...

    async def content(self, place: Place, reader: PersonId) -> Content:
        """A post as a reader sees it. Raises `PostUnknown`."""
        ...

    async def posts(
        self, circle_id: CircleId, reader: PersonId, before: int, limit: int
    ) -> Sequence[Content]:
        """At most `limit` posts with lower numbers, the newest first; 0 for the newest ones.

        Raises `CircleUnknown`.
        """
        ...

    async def comments(
        self, circle_id: CircleId, post_id: int, reader: PersonId, before: int, limit: int
    ) -> Sequence[Content]:
        """The same of comments below a post. Raises `PostUnknown`."""
        ...

    async def remove(self, place: Place, person: PersonId) -> Content:
        """Removes a person's own text, as `removed` says; what it is then. Durable on return.

        Raises `PostUnknown`, `CommentUnknown` and `NotAuthor`.
        """
        ...

    async def like(self, place: Place, person: PersonId, *, likes: bool) -> int:
        """Likes a post or does not; how many do then. Durable on return. Raises `PostUnknown`."""
        ...


class ReportStore(Protocol):
    """Keeps reports, and takes down what they are about."""

    async def report(self, complaint: Complaint) -> int:
        """Keeps a report; when the person first made it, milliseconds. Durable on return.

        Raises `PostUnknown`, `CommentUnknown` and `OwnContent`.
        """
        ...

    async def reports(self, state: ReportState, after: ReportId, limit: int) -> Sequence[ShownReport]:
        """At most `limit` reports of a state with higher numbers, in order."""
        ...

    async def decide(self, decision: Decision) -> ShownReport:
        """Decides; atomic, and durable on return. Raises `ReportUnknown` and `ReportDecided`."""
        ...

    async def notices(self, author: PersonId, before: int, limit: int) -> Sequence[Notice]:
        """At most `limit` notices of an author, of lower reports, the newest first; 0 for all."""
        ...

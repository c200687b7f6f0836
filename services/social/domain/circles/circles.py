"""Creating circles, writing there, reading, liking; reporting, and deciding on reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.social.domain import pages
from services.social.domain.circles.circle import (
    Circle,
    CircleId,
    Content,
    Draft,
    NewCircle,
    Place,
    check_score,
)
from services.social.domain.circles.errors import PostUnknown
from services.social.domain.circles.ports import CircleLimits, CircleStore, ReportStore, Scores
from services.social.domain.circles.report import (
    Complaint,
    Decision,
    Notice,
    ReportId,
    ReportState,
    ShownReport,
)
from services.social.domain.ports import WallClock
from services.social.domain.relation import PersonId

PAGE_ITEMS_DEFAULT = 20
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """Part of a list."""

    items: Sequence[ItemT]
    next_page_token: str
    """Empty after the last page."""


@dataclass(frozen=True, slots=True)
class _Listing:
    kind: str
    subject: int
    page_size: int
    page_token: str

    @property
    def size(self) -> int:
        return self.page_size or PAGE_ITEMS_DEFAULT

    @property
    def last(self) -> int:
        """Where the page before ended. Raises `PageTokenInvalid`."""
        return pages.last_of(self.page_token, self.kind, self.subject)

    def page(self, found: Sequence[ItemT], number_of: Callable[[ItemT], int]) -> Page[ItemT]:
        """A page of what was found: one more than asked for tells whether there is another one."""
        if len(found) <= self.size:
            return Page(found, "")
        last = number_of(found[self.size - 1])
        return Page(found[: self.size], pages.token(self.kind, self.subject, last))


class Circles:
    """What people do in circles."""

    def __init__(self, store: CircleStore, scores: Scores, clock: WallClock, limits: CircleLimits) -> None:
        self._store = store
        self._scores = scores
        self._clock = clock
        self._limits = limits

    async def create(
        self, person: PersonId, request_id: str, name: str, post_score_min: int, comment_score_min: int
    ) -> Circle:
        """Creates a circle. Raises `RequestIdReused` or `CircleLimitReached`."""
        now_ms = self._clock.now_ms()
        new = NewCircle(person, request_id, name, post_score_min, comment_score_min, now_ms)
        return await self._store.create(new, self._limits)

    async def circle(self, circle_id: CircleId) -> Circle:
        """Raises `CircleUnknown`."""
        return await self._store.circle(circle_id)

    async def circles(self, page_size: int, page_token: str) -> Page[Circle]:
        """A page of all circles. Raises `PageTokenInvalid`."""
        listing = _Listing("circles", 0, page_size, page_token)
        found = await self._store.circles(listing.last, listing.size + 1)
        return listing.page(found, lambda circle: circle.circle_id)

    async def post(self, person: PersonId, request_id: str, circle_id: CircleId, words: str) -> Content:
        """Writes a post.

        Raises `CircleUnknown`, `CreditTooLow`, `CreditUnavailable`, `RequestIdReused` or `TextLimitReached`.
        """
        draft = Draft(request_id, circle_id, 0, person, words, self._clock.now_ms())
        circle = await self._store.circle(circle_id)
        return await self._write(draft, circle.post_score_min)

    async def comment(
        self, person: PersonId, request_id: str, circle_id: CircleId, post_id: int, words: str
    ) -> Content:
        """Writes a comment. Raises as `post`, and `PostUnknown`."""
        draft = Draft(request_id, circle_id, post_id, person, words, self._clock.now_ms())
        circle = await self._store.circle(circle_id)
        return await self._write(draft, circle.comment_score_min)

    async def _write(self, draft: Draft, score_min: int) -> Content:
        # What is written already stays written, whatever the score is by now.
        known = await self._store.written(draft)
        if known is not None:
            return known
        if score_min:
            check_score(draft.circle_id, score_min, await self._scores.score_of(draft.author))
        return await self._store.write(draft, self._limits)

    async def read(self, circle_id: CircleId, post_id: int, reader: PersonId) -> Content:
        """A post. Raises `PostUnknown`."""
        return await self._store.content(Place(circle_id, post_id), reader)

    async def posts(
        self, circle_id: CircleId, reader: PersonId, page_size: int, page_token: str
    ) -> Page[Content]:
        """A page of posts. Raises `CircleUnknown` or `PageTokenInvalid`."""
        listing = _Listing("posts", circle_id, page_size, page_token)
        found = await self._store.posts(circle_id, reader, listing.last, listing.size + 1)
        return listing.page(found, lambda post: post.place.post_id)

    async def comments(
        self, circle_id: CircleId, post_id: int, reader: PersonId, page_size: int, page_token: str
    ) -> Page[Content]:
        """A page of comments. Raises `PostUnknown` or `PageTokenInvalid`."""
        listing = _Listing(f"comments/{circle_id}", post_id, page_size, page_token)
        found = await self._store.comments(circle_id, post_id, reader, listing.last, listing.size + 1)
        return listing.page(found, lambda comment: comment.place.comment_id)

    async def remove(self, place: Place, person: PersonId) -> Content:
        """Removes one's own post or comment. Raises `PostUnknown`, `CommentUnknown` or `NotAuthor`."""
        return await self._store.remove(place, person)

    async def like(self, circle_id: CircleId, post_id: int, person: PersonId, *, likes: bool) -> int:
        """Likes a post, or takes that back. Raises `PostUnknown`."""
        if post_id <= 0:
            raise PostUnknown(circle_id, post_id)
        return await self._store.like(Place(circle_id, post_id), person, likes=likes)


class Moderation:
    """What is reported, and what operators do about it."""

    def __init__(self, store: ReportStore, clock: WallClock) -> None:
        self._store = store
        self._clock = clock

    def now_ms(self) -> int:
        """For ages."""
        return self._clock.now_ms()

    async def report(self, complaint: Complaint) -> int:
        """Reports a text; when this person first did.

        Raises `PostUnknown`, `CommentUnknown` or `OwnContent`.
        """
        return await self._store.report(complaint)

    async def notices(self, author: PersonId, page_size: int, page_token: str) -> Page[Notice]:
        """A page of what was taken down of an author's. Raises `PageTokenInvalid`."""
        listing = _Listing("notices", author, page_size, page_token)
        found = await self._store.notices(author, listing.last, listing.size + 1)
        return listing.page(found, lambda notice: notice.report_id)

    async def reports(self, state: ReportState, page_size: int, page_token: str) -> Page[ShownReport]:
        """A page of the queue. Raises `PageTokenInvalid`."""
        listing = _Listing("reports", state, page_size, page_token)
        found = await self._store.reports(state, ReportId(listing.last), listing.size + 1)
        return listing.page(found, lambda shown: shown.report.report_id)

    async def decide(self, decision: Decision) -> ShownReport:
        """Takes down, or dismisses. Raises `ReportUnknown` or `ReportDecided`."""
        return await self._store.decide(decision)

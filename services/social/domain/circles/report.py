"""What is reported, and what operators decide."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NewType

from services.social.domain.circles.circle import ContentState, Place, unknown
from services.social.domain.circles.errors import OwnContent, ReportDecided
from services.social.domain.relation import PersonId

ReportId = NewType("ReportId", int)
WORDS_SHOWN_MAX = 5
"""So many of the reporters' words are shown, the newest."""


class ReportReason(enum.IntEnum):
    """Why something is reported; numbers are those of the contract."""

    SPAM = 1
    FRAUD = 2
    ABUSE = 3
    ILLEGAL = 4
    OTHER = 5


class ReportState(enum.IntEnum):
    """Where a report stands; numbers are those of the contract."""

    OPEN = 1
    TAKEN_DOWN = 2
    DISMISSED = 3


@dataclass(frozen=True, slots=True)
class Report:
    """All reports of one text."""

    report_id: ReportId
    place: Place
    author: PersonId
    state: ReportState
    reporter_count: int
    opened_ms: int
    """When it was first reported, or again after a dismissal."""
    decided_ms: int = 0
    """0 while it is open."""


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report with all that an operator needs."""

    report: Report
    words: str
    """What was reported; empty when erased."""
    reasons: Sequence[ReportReason]
    reporters_words: Sequence[str]
    decision_words: str
    operator: str
    """Who decided; empty while it is open, and where no name was kept."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an operator decides about a report."""

    report_id: ReportId
    state: ReportState
    """How it ends: not OPEN."""
    words: str
    """May be empty where nothing is taken down."""
    operator: str
    decided_ms: int


@dataclass(frozen=True, slots=True)
class Complaint:
    """What one person reports."""

    place: Place
    person: PersonId
    reason: ReportReason
    words: str
    """May be empty."""
    reported_ms: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What an author is told of something taken down."""

    report_id: ReportId
    place: Place
    words: str
    taken_down_ms: int


def check_complaint(complaint: Complaint, state: ContentState, author: PersonId) -> None:
    """Raises `PostUnknown` or `CommentUnknown` of what nobody sees, and `OwnContent`."""
    place = complaint.place
    if state is not ContentState.VISIBLE:
        raise unknown(place)
    if complaint.person == author:
        raise OwnContent(place.circle_id, place.post_id, place.comment_id)


def reported(known: Report, now_ms: int) -> Report:
    """After one more person reported the text: what was dismissed is open again."""
    after = replace(known, reporter_count=known.reporter_count + 1)
    if known.state is ReportState.DISMISSED:
        return replace(after, state=ReportState.OPEN, opened_ms=now_ms, decided_ms=0)
    return after


def decided(known: Report, decision: Decision, *, same_words: bool) -> Report:
    """After an operator's decision; the same when it stands already. Raises `ReportDecided`.

    `same_words` says whether the words that stand, if the report is decided, are the decision's.
    """
    if known.state is ReportState.OPEN:
        return replace(known, state=decision.state, decided_ms=max(decision.decided_ms, known.opened_ms))
    if known.state is not decision.state or not same_words:
        raise ReportDecided(known.report_id, known.state.name)
    return known

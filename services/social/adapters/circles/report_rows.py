"""Rows of reports: what is found of one, and what a report or a decision changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Row, Statement
from services.social.adapters.circles import rows
from services.social.adapters.circles.tables import conduct, decisions, dismissals, reporters, reports, texts
from services.social.domain.circles.circle import CircleId, ContentState, Place
from services.social.domain.circles.report import (
    WORDS_SHOWN_MAX,
    Complaint,
    Decision,
    Report,
    ReportId,
    ReportState,
    decided,
    reported,
)
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class Found:
    """A report, with the row of its text and of those who spoke last."""

    report: Report
    text: Row
    reasons: Sequence[int]
    reporters: Sequence[Row]
    dismissal: str
    operator: str


def report_of(row: Row) -> Report:
    """A report as the rules have it."""
    return Report(
        report_id=ReportId(row.report_id),
        place=Place(CircleId(row.circle_id), row.post_id, row.comment_id),
        author=PersonId(row.author_person_id),
        state=ReportState(row.state),
        reporter_count=row.reporter_count,
        opened_ms=row.opened_ms,
        decided_ms=row.decided_ms,
    )


def complained(connection: sa.Connection, complaint: Complaint, author: PersonId, words: bytes | None) -> int:
    """Keeps what a person reports; when they first did."""
    row = _OF_TEXT.first(connection, rows.at(complaint.place))
    if row is None:
        # Another replica may open the same now: the key stops one, which then runs again.
        report_id, now_ms = rows.next_id(connection, rows.REPORTS), complaint.reported_ms
        known = Report(ReportId(report_id), complaint.place, author, ReportState.OPEN, 0, now_ms)
        _INSERT.run(connection, _values(known))
    else:
        known = report_of(row)
    mine = _MINE.first(connection, {"report": known.report_id, "person": complaint.person})
    if mine is not None:
        return int(mine.reported_ms)
    _INSERT_REPORTER.run(
        connection,
        {
            "report_id": known.report_id,
            "person_id": complaint.person,
            "reason": int(complaint.reason),
            "words": words,
            "reported_ms": complaint.reported_ms,
        },
    )
    _keep(connection, reported(known, complaint.reported_ms))
    return complaint.reported_ms


@dataclass(frozen=True, slots=True)
class SealedDecision:
    """A decision as it is kept."""

    decision: Decision
    words: bytes | None
    """Sealed for the author of what is taken down; None when they were erased, or nothing is taken down."""
    digest: bytes


def decide(connection: sa.Connection, sealed: SealedDecision) -> None:
    """Keeps a decision, unless it stands already. Raises `ReportDecided`."""
    wanted = {"report": sealed.decision.report_id}
    row = _LOCK.first(connection, wanted)
    assert row is not None, "a report stays on record"  # noqa: S101 - an invariant
    standing = _DECISION.first(connection, wanted)
    known = report_of(row)
    # Where no hash was kept, the outcome alone is compared.
    same_words = standing is None or bytes(standing.digest) == sealed.digest
    after = decided(known, sealed.decision, same_words=same_words)
    if after != known:
        _keep_decision(connection, after, sealed)


def _keep_decision(connection: sa.Connection, after: Report, sealed: SealedDecision) -> None:
    """What is taken down is so at once, and waits to be told to identity."""
    decision = sealed.decision
    _keep(connection, after)
    # One of an earlier dismissal may be there.
    _FORGET_DECISION.run(connection, {"report": after.report_id})
    _INSERT_DECISION.run(
        connection,
        {"report_id": after.report_id, "operator": decision.operator, "digest": sealed.digest},
    )
    if after.state is ReportState.DISMISSED:
        _FORGET_DISMISSAL.run(connection, {"report": after.report_id})
        _INSERT_DISMISSAL.run(connection, {"report_id": after.report_id, "words": decision.words.encode()})
        return
    _TAKE_DOWN.run(connection, rows.at(after.place) | {"said": sealed.words})
    _INSERT_CONDUCT.run(
        connection,
        {
            "report_id": after.report_id,
            "author_person_id": after.author,
            "is_comment": bool(after.place.comment_id),
            "judged_ms": after.decided_ms,
        },
    )


def found_report(connection: sa.Connection, report_id: ReportId) -> Found | None:
    """A report with all that belongs to it; None when there is none."""
    row = _REPORT.first(connection, {"report": report_id})
    return None if row is None else _found(connection, row)


def found_reports(connection: sa.Connection, state: ReportState, after: ReportId, limit: int) -> list[Found]:
    """At most `limit` reports of a state above `after`, in order."""
    wanted = {"state": int(state), "after": after, "limit": limit}
    return [_found(connection, row) for row in _BY_STATE.rows(connection, wanted)]


def _found(connection: sa.Connection, row: Row) -> Found:
    report, wanted = report_of(row), {"report": row.report_id}
    text = _TEXT.first(connection, rows.at(report.place))
    assert text is not None, "what was reported stays on record"  # noqa: S101 - an invariant
    dismissal = _DISMISSAL.first(connection, wanted) if report.state is ReportState.DISMISSED else None
    decision = _DECISION.first(connection, wanted) if report.state is not ReportState.OPEN else None
    return Found(
        report,
        text,
        [reason.reason for reason in _REASONS.rows(connection, wanted)],
        _LAST_WORDS.rows(connection, wanted),
        dismissal="" if dismissal is None else bytes(dismissal.words).decode(),
        operator="" if decision is None else decision.operator,
    )


def _values(report: Report) -> dict[str, int]:
    return {
        "report_id": report.report_id,
        "circle_id": report.place.circle_id,
        "post_id": report.place.post_id,
        "comment_id": report.place.comment_id,
        "author_person_id": report.author,
        "state": int(report.state),
        "reporter_count": report.reporter_count,
        "opened_ms": report.opened_ms,
        "decided_ms": report.decided_ms,
    }


def _keep(connection: sa.Connection, after: Report) -> None:
    values = _values(after)
    changed = ("state", "reporter_count", "opened_ms", "decided_ms")
    _UPDATE.run(connection, {"report": after.report_id} | {name: values[name] for name in changed})


_this = reports.c.report_id == bindparam("report")
_INSERT = Statement(reports.insert())
_UPDATE = Statement(
    reports.update()
    .where(_this)
    .values(
        state=bindparam("state"),
        reporter_count=bindparam("reporter_count"),
        opened_ms=bindparam("opened_ms"),
        decided_ms=bindparam("decided_ms"),
    )
)
_OF_TEXT = Statement(
    sa.select(reports)
    .where(
        reports.c.circle_id == bindparam("circle"),
        reports.c.post_id == bindparam("post"),
        reports.c.comment_id == bindparam("comment"),
    )
    .with_for_update()
)
_REPORT = Statement(sa.select(reports).where(_this))
_BY_STATE = Statement(
    sa.select(reports)
    .where(reports.c.state == bindparam("state"), reports.c.report_id > bindparam("after"))
    .order_by(reports.c.report_id)
    .limit(bindparam("limit"))
)
_TEXT = Statement(sa.select(texts).where(rows.THIS_TEXT))
_TAKE_DOWN = Statement(
    texts.update()
    .where(rows.THIS_TEXT)
    .values(state=int(ContentState.TAKEN_DOWN), decision_words=bindparam("said"))
)
_INSERT_REPORTER = Statement(reporters.insert())
_MINE = Statement(
    sa.select(reporters.c.reported_ms).where(
        reporters.c.report_id == bindparam("report"), reporters.c.person_id == bindparam("person")
    )
)
_REASONS = Statement(
    sa.select(reporters.c.reason)
    .where(reporters.c.report_id == bindparam("report"))
    .distinct()
    .order_by(reporters.c.reason)
)
_LAST_WORDS = Statement(
    sa.select(reporters.c.person_id, reporters.c.words)
    .where(reporters.c.report_id == bindparam("report"), reporters.c.words.is_not(None))
    .order_by(reporters.c.reported_ms.desc(), reporters.c.person_id)
    .limit(WORDS_SHOWN_MAX)
)
_INSERT_CONDUCT = Statement(conduct.insert())
_DISMISSAL = Statement(sa.select(dismissals.c.words).where(dismissals.c.report_id == bindparam("report")))
_FORGET_DISMISSAL = Statement(dismissals.delete().where(dismissals.c.report_id == bindparam("report")))
_INSERT_DISMISSAL = Statement(dismissals.insert())
_LOCK = Statement(sa.select(reports).where(_this).with_for_update())
_DECISION = Statement(sa.select(decisions).where(decisions.c.report_id == bindparam("report")))
_FORGET_DECISION = Statement(decisions.delete().where(decisions.c.report_id == bindparam("report")))
_INSERT_DECISION = Statement(decisions.insert())

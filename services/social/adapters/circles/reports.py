"""Reports in SQL, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.social.adapters.chat.texts import Opener, Texts
from services.social.adapters.circles import rows
from services.social.adapters.circles.report_rows import (
    Found,
    SealedDecision,
    complained,
    decide,
    found_report,
    found_reports,
    report_of,
)
from services.social.adapters.circles.tables import reports, texts
from services.social.domain.circles.circle import ContentState, Place, unknown
from services.social.domain.circles.errors import PostUnknown, ReportUnknown
from services.social.domain.circles.report import (
    Complaint,
    Decision,
    Notice,
    ReportId,
    ReportReason,
    ReportState,
    ShownReport,
    check_complaint,
)
from services.social.domain.relation import PersonId

_NEWEST = 2**63 - 1


class SqlReportStore:
    """`ReportStore` over the database of messages, with their keys."""

    def __init__(self, database: Database, keys: Texts) -> None:
        self._database = database
        self._keys = keys

    async def report(self, complaint: Complaint) -> int:
        """See `ReportStore.report`. Raises `RecordErased` soon after the person was erased."""
        place = complaint.place
        words = None
        if complaint.words:
            words = await self._keys.seal(complaint.person, _words_place(place), complaint.words)

        def unit(connection: sa.Connection) -> int:
            row = _TEXT.first(connection, rows.at(place))
            if row is None:
                raise unknown(place)
            if not rows.post_is_seen(connection, place, complaint.person):
                raise PostUnknown(place.circle_id, place.post_id)
            author = PersonId(row.author_person_id)
            check_complaint(complaint, ContentState(row.state), author)
            return complained(connection, complaint, author, words)

        return await self._database.write(unit)

    async def reports(self, state: ReportState, after: ReportId, limit: int) -> Sequence[ShownReport]:
        """See `ReportStore.reports`."""
        found = await self._database.read(lambda connection: found_reports(connection, state, after, limit))
        return await self._shown(found)

    async def decide(self, decision: Decision) -> ShownReport:
        """See `ReportStore.decide`."""
        report_id, words = decision.report_id, decision.words

        def look(connection: sa.Connection) -> Found:
            found = found_report(connection, report_id)
            if found is None:
                raise ReportUnknown(report_id)
            return found

        text = (await self._database.read(look)).text
        said = None
        if decision.state is ReportState.TAKEN_DOWN:
            # The author reads it, so it goes when they are erased.
            place = rows.decision_place(text.text_id)
            said = await rows.sealed_about(self._keys, text.writer_person_id, place, words)
        digest = self._keys.fingerprint("circle-decision", str(report_id), words)

        def unit(connection: sa.Connection) -> Found:
            decide(connection, SealedDecision(decision, said, digest))
            return look(connection)

        (shown,) = await self._shown([await self._database.write(unit)])
        return shown

    async def notices(self, author: PersonId, before: int, limit: int) -> Sequence[Notice]:
        """See `ReportStore.notices`."""
        wanted = {"author": author, "before": before or _NEWEST, "limit": limit}
        found = await self._database.read(lambda connection: _NOTICES.rows(connection, wanted))
        openers = await rows.openers(self._keys, found)
        return [_notice(openers, row) for row in found]

    async def _shown(self, found: Sequence[Found]) -> list[ShownReport]:
        people = {PersonId(one.text.writer_person_id) for one in found}
        people |= {PersonId(reporter.person_id) for one in found for reporter in one.reporters}
        openers = await self._keys.openers(people)
        return [_shown(openers, one) for one in found]


def _shown(openers: Mapping[PersonId, Opener], found: Found) -> ShownReport:
    text, report = found.text, found.report
    told = [
        rows.opened(openers, reporter.person_id, _words_place(report.place), reporter.words)
        for reporter in found.reporters
    ]
    decision = rows.opened(
        openers, text.writer_person_id, rows.decision_place(text.text_id), text.decision_words
    )
    return ShownReport(
        report=report,
        words=rows.opened(openers, text.writer_person_id, rows.words_place(text.text_id), text.words) or "",
        reasons=[ReportReason(reason) for reason in found.reasons],
        reporters_words=[words for words in told if words],
        decision_words=decision or found.dismissal,
        operator=found.operator,
    )


def _notice(openers: Mapping[PersonId, Opener], row: Row) -> Notice:
    words = rows.opened(openers, row.writer_person_id, rows.decision_place(row.text_id), row.decision_words)
    report = report_of(row)
    return Notice(report.report_id, report.place, words or "", report.decided_ms)


def _words_place(place: Place) -> str:
    return f"circle-report/{place.circle_id}/{place.post_id}/{place.comment_id}"


_TEXT = Statement(
    sa.select(texts.c.state, texts.c.author_person_id).where(rows.THIS_TEXT).with_for_update(read=True)
)
_NOTICES = Statement(
    sa.select(reports, texts.c.text_id, texts.c.writer_person_id, texts.c.decision_words)
    .join(
        texts,
        sa.and_(
            texts.c.circle_id == reports.c.circle_id,
            texts.c.post_id == reports.c.post_id,
            texts.c.comment_id == reports.c.comment_id,
        ),
    )
    .where(
        reports.c.author_person_id == bindparam("author"),
        reports.c.state == int(ReportState.TAKEN_DOWN),
        reports.c.report_id < bindparam("before"),
    )
    .order_by(reports.c.report_id.desc())
    .limit(bindparam("limit"))
)

"""`hongbao circles`: what was reported in circles, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from hongbao.social.v1 import circle_pb2 as pb
from services.cli.console import CONSOLE, visible

_HOUR_S, _DAY_S = 3_600, 86_400


def show_reports(reports: Iterable[pb.Report]) -> None:
    """Prints a table of reports."""
    table = Table(title="Reports", title_justify="left")
    # A number that is broken over two lines cannot be copied.
    table.add_column("report", no_wrap=True)
    for header in ("where", "written by", "text", "reported by", "for", "they say", "age", "decided"):
        table.add_column(header, overflow="fold")
    for report in reports:
        table.add_row(
            str(report.report_id),
            _place(report),
            str(report.author_person_id),
            Text(visible(report.text or "(erased)")),
            str(report.reporter_count),
            ", ".join(map(_reason, report.reasons)),
            Text(visible("; ".join(report.words))),
            _age(report.age_s),
            Text(visible(_decision(report))),
        )
    CONSOLE.print(table)


def say_decision(report: pb.Report) -> None:
    """Prints what was decided."""
    decision = _decision(report)
    # Others chose the words: they are no markup, and move no cursor.
    text = visible(f"report {report.report_id}, {_place(report)}: {decision}")
    CONSOLE.print(text, markup=False, highlight=False, soft_wrap=True)


def _place(report: pb.Report) -> str:
    post = f"circle {report.circle_id}, post {report.post_id}"
    return f"{post}, comment {report.comment_id}" if report.comment_id else post


def _reason(reason: int) -> str:
    return pb.ReportReason.Name(pb.ReportReason.ValueType(reason)).removeprefix("REPORT_REASON_").lower()


def _decision(report: pb.Report) -> str:
    if not report.HasField("decided_at"):
        return ""
    state = pb.ReportState.Name(report.state).removeprefix("REPORT_STATE_").lower().replace("_", " ")
    by = f"{state} by {report.operator}" if report.operator else state
    return f"{by}: {report.decision_words}" if report.decision_words else by


def _age(age_s: int) -> str:
    if age_s < _HOUR_S:
        return f"{age_s // 60} min"
    return f"{age_s // _HOUR_S} h" if age_s < 2 * _DAY_S else f"{age_s // _DAY_S} days"

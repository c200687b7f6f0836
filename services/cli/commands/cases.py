"""`hongbao cases`: checks that failed, and what people were answered."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from hongbao.identity.v1 import cases_pb2 as pb
from hongbao.identity.v1 import errors_pb2, identity_pb2
from services.cli.console import CONSOLE, visible

_HOUR_S, _DAY_S = 3_600, 86_400
_TELLING = re.compile(r"[0-9](?:[ -]?[0-9]){4,}[ -]?[0-9Xx]")
"""Digits that may be somebody's phone, card or resident ID."""


def show_queue(found: Iterable[pb.QueuedCase]) -> None:
    """Prints a table of cases."""
    table = Table(title="Cases", title_justify="left")
    # A number that is broken over two lines cannot be copied.
    table.add_column("case", no_wrap=True)
    table.add_column("age", justify="right")
    for header in ("state", "why", "step", "failures", "notes", "operator"):
        table.add_column(header, overflow="fold")
    for queued in found:
        table.add_row(
            queued.case.case_number,
            _age(queued.age_s) + (" overdue" if queued.overdue else ""),
            _state(queued.case.state),
            _reason(queued.case.reason),
            queued.case.step,
            str(queued.failure_count),
            str(queued.note_count),
            Text(visible(queued.operator)),
        )
    CONSOLE.print(table)


def say_case(queued: pb.QueuedCase) -> None:
    """Prints where a case stands."""
    case = queued.case
    by = f" with {queued.operator}" if queued.operator else ""
    overdue = ", overdue" if queued.overdue else ""
    _line(f"case {case.case_number}: {_state(case.state)}{by}, {_age(queued.age_s)} old{overdue}")
    _line(f"account {queued.account_id} failed at {case.step}: {_reason(case.reason)}")
    _line(f"the person was told: {case.next_step}")
    if case.HasField("answer"):
        outcome = identity_pb2.CaseOutcome.Name(case.answer.outcome).removeprefix("CASE_OUTCOME_")
        _line(f"answer, {_words(outcome)}: {case.answer.text} {masked(case.answer.words)}".rstrip())


def say_notes(notes: Iterable[pb.CaseNote]) -> None:
    """Prints what was written to a case."""
    for note in notes:
        author = pb.CaseAuthor.Name(note.author).removeprefix("CASE_AUTHOR_").lower()
        photo = f" [{note.photo_reference}]" if note.photo_reference else ""
        _line(f"{note.added_at.ToDatetime():%Y-%m-%d %H:%M} UTC  {author}: {masked(note.text)}{photo}")


def masked(text: str) -> str:
    """A text in which long numbers have only their ends: 3****************X."""
    return _TELLING.sub(lambda found: f"{found[0][0]}{'*' * (len(found[0]) - 2)}{found[0][-1]}", text)


def _state(state: identity_pb2.CaseState.ValueType) -> str:
    return _words(identity_pb2.CaseState.Name(state).removeprefix("CASE_STATE_"))


def _reason(reason: errors_pb2.ErrorReason.ValueType) -> str:
    return _words(errors_pb2.ErrorReason.Name(reason).removeprefix("ERROR_REASON_"))


def _words(name: str) -> str:
    return name.replace("_", " ").lower()


def _age(age_s: int) -> str:
    days, hours = age_s // _DAY_S, age_s % _DAY_S // _HOUR_S
    return f"{days} d {hours} h" if days else f"{hours} h {age_s % _HOUR_S // 60} min"


def _line(text: str) -> None:
    # People wrote parts of it: they are no markup, and move no cursor.
    CONSOLE.print(visible(text), markup=False, highlight=False, soft_wrap=True)

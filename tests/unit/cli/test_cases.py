from __future__ import annotations

import pytest
from typer.testing import CliRunner

from hongbao.identity.v1 import cases_pb2 as pb
from hongbao.identity.v1 import errors_pb2, identity_pb2
from services.cli.app import app
from services.cli.commands.cases import masked, say_case, say_notes, show_queue


def queued(**values: object) -> pb.QueuedCase:
    case = identity_pb2.Case(
        case_number="K160207-7Q2M4KXA",
        state=identity_pb2.CASE_STATE_WITH_OPERATOR,
        reason=errors_pb2.ERROR_REASON_NAME_MISMATCH,
        step="name_match",
        next_step="请核对两项",
    )
    return pb.QueuedCase(case=case, account_id=42, age_s=176_461, overdue=True, operator="lin", **values)  # type: ignore[arg-type]  # counts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("我的号码是11010519491231002X，请核对", "我的号码是1****************X，请核对"),
        ("手机 138 0013 8000", "手机 1***********0"),
        ("6222-0280-0753-8651-008", "6*********************8"),
        ("2016年2月7日20:00，第3次", "2016年2月7日20:00，第3次"),
        ("", ""),
    ],
)
def test_numbers_that_may_say_who_somebody_is_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_case_is_said_with_its_age_and_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    case = queued(failure_count=2)
    say_case(case)
    case.case.answer.outcome = identity_pb2.CASE_OUTCOME_SOURCE_WRONG
    case.case.answer.text, case.case.answer.words = "请先更正。", "电话13800138000\x1b[31m"
    say_case(case)
    said = capsys.readouterr().out
    assert "case K160207-7Q2M4KXA: with operator with lin, 2 d 1 h old, overdue" in said
    assert "answer, source wrong: 请先更正。 电话1*********0\\x1b[31m" in said
    assert "13800138000" not in said


def test_the_queue_and_notes_are_shown_without_numbers_of_people(capsys: pytest.CaptureFixture[str]) -> None:
    show_queue([queued(note_count=1)])
    note = pb.CaseNote(author=pb.CASE_AUTHOR_PERSON, text="13800138000", photo_reference="photo-1")
    say_notes([note])
    said = capsys.readouterr().out
    assert "K160207-7Q2M4KXA" in said
    assert "2 d 1 h overdue" in said
    assert "person: 1*********0 [photo-1]" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["show", "K1"], "is no case"),
        (["take", "K160207-7Q2M4KXA", "--operator", "Lin"], "small letters"),
        (["ask", "K160207-7Q2M4KXA", " ", "--operator", "lin"], "ask something"),
        (["answer", "K160207-7Q2M4KXA", "passed", "--operator", "lin"], "passed"),
        (["answer", "K160207-7Q2M4KXA", "refused", "--operator", "lin", "--words", "x" * 2001], "at most"),
    ],
)
def test_what_cannot_be_is_refused_before_the_mesh_is_asked(arguments: list[str], complaint: str) -> None:
    outcome = CliRunner().invoke(app, ["cases", *arguments], env={"COLUMNS": "200"})
    assert outcome.exit_code == 2
    assert complaint in outcome.output

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

from hongbao.social.v1 import circle_pb2 as pb
from services.cli.app import app
from services.cli.commands.circles import say_decision, show_reports

REPORT = pb.Report(
    report_id=5,
    circle_id=9,
    post_id=3,
    comment_id=4,
    author_person_id=2,
    text="[bold]look[/bold]\x1b[2J",
    state=pb.REPORT_STATE_OPEN,
    reporter_count=2,
    reasons=[pb.REPORT_REASON_SPAM, pb.REPORT_REASON_FRAUD],
    words=["money"],
    age_s=7_200,
)


def test_a_report_is_shown_with_what_was_written_and_by_how_many_it_was_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_reports([REPORT])
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown
    words = "".join(shown.split())
    for word in ("5", "spam", "fraud", "money", "2h", "[bold]"):
        assert word in words


def test_a_decision_is_said_with_its_words_and_who_made_it(capsys: pytest.CaptureFixture[str]) -> None:
    decided = pb.Report()
    decided.CopyFrom(REPORT)
    decided.state = pb.REPORT_STATE_TAKEN_DOWN
    decided.decision_words = "fraud"
    decided.decided_at.CopyFrom(Timestamp(seconds=1))
    say_decision(decided)
    # Decided before names were kept.
    assert capsys.readouterr().out == "report 5, circle 9, post 3, comment 4: taken down: fraud\n"
    decided.operator = "lin"
    say_decision(decided)
    assert capsys.readouterr().out == "report 5, circle 9, post 3, comment 4: taken down by lin: fraud\n"
    show_reports([decided])
    assert "takendownbylin:fraud" in "".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["takedown", "5", "  ", "--operator", "lin"], "say it"),
        (["takedown", "5", "fraud"], "--operator"),
        (["takedown", "5", "fraud", "--operator", "Lin"], "small letters"),
        (["dismiss", "5"], "--operator"),
    ],
)
def test_who_decides_says_who_they_are_and_tells_the_author_why(arguments: list[str], complaint: str) -> None:
    outcome = CliRunner().invoke(app, ["circles", *arguments], env={"COLUMNS": "200", "HONGBAO_OPERATOR": ""})
    assert outcome.exit_code == 2
    assert complaint in outcome.output

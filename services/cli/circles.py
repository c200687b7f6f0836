"""The commands of `hongbao circles`, their options and their help."""

from __future__ import annotations

import enum
import re
from typing import Annotated

import typer

from hongbao.social.v1 import circle_pb2 as pb
from hongbao.social.v1.circle_pb2_grpc import CircleServiceStub
from services.cli.commands.circles import say_decision, show_reports
from services.cli.members import ask_member
from services.cli.options import HOME, Home

circles = typer.Typer(
    no_args_is_help=True,
    help="Decides on what people report in circles. See social's README.",
)

_PAGE_SIZE = 100
_WORDS_MAX = 500
_OPERATOR = re.compile(r"[a-z][a-z0-9.-]{1,39}")
ReportNumber = Annotated[int, typer.Argument(min=1, max=(1 << 63) - 1, help="The report's number.")]


class State(enum.StrEnum):
    """Where reports stand."""

    OPEN = "open"
    TAKEN_DOWN = "taken-down"
    DISMISSED = "dismissed"


def _words(text: str) -> str:
    if len(text) > _WORDS_MAX:
        raise typer.BadParameter(f"at most {_WORDS_MAX} characters")
    return text


def _operator(text: str) -> str:
    if not _OPERATOR.fullmatch(text):
        raise typer.BadParameter("a name has 2 to 40 small letters, digits, dots and dashes")
    return text


def _reason(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("the author is told why: say it")
    return _words(text)


Operator = Annotated[
    str,
    typer.Option(
        "--operator", callback=_operator, help="Who you are; kept on record.", envvar="HONGBAO_OPERATOR"
    ),
]


@circles.command(
    "reports", epilog="Examples: `hongbao circles reports` &nbsp; `hongbao circles reports taken-down`"
)
def list_reports(
    state: Annotated[State, typer.Argument(help="Which ones.")] = State.OPEN,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    home: Home = HOME,
) -> None:
    """Lists reports, the oldest first, with what was written."""
    found: list[pb.Report] = []
    wanted = pb.ReportState.Value(f"REPORT_STATE_{state.name}")
    request = pb.ListReportsRequest(state=wanted, page_size=min(most, _PAGE_SIZE))
    while len(found) < most:
        page = ask_member(
            home,
            "social",
            lambda channel, timeout_s: CircleServiceStub(channel).ListReports(request, timeout=timeout_s),
        )
        found += page.reports
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    show_reports(found[:most])


@circles.command(epilog='Example: `hongbao circles takedown 5 "涉嫌诈骗" --operator lin`')
def takedown(
    report: ReportNumber,
    words: Annotated[str, typer.Argument(callback=_reason, help="Why: its author reads it.")],
    operator: Operator,
    home: Home = HOME,
) -> None:
    """Takes down what was reported, and tells its author why. It counts in the author's credit."""
    request = pb.TakeDownRequest(report_id=report, words=words, operator=operator)
    answer = ask_member(
        home,
        "social",
        lambda channel, timeout_s: CircleServiceStub(channel).TakeDown(request, timeout=timeout_s),
    )
    say_decision(answer.report)


@circles.command(epilog='Example: `hongbao circles dismiss 5 --words "只是拜年" --operator lin`')
def dismiss(
    report: ReportNumber,
    operator: Operator,
    words: Annotated[str, typer.Option(callback=_words, help="Why: other operators read it.")] = "",
    home: Home = HOME,
) -> None:
    """Leaves what was reported where it is, until somebody else reports it."""
    request = pb.DismissRequest(report_id=report, words=words, operator=operator)
    answer = ask_member(
        home,
        "social",
        lambda channel, timeout_s: CircleServiceStub(channel).Dismiss(request, timeout=timeout_s),
    )
    say_decision(answer.report)

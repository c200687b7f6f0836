"""The commands of `hongbao cases`, their options and their help."""

from __future__ import annotations

import enum
import re
import uuid
from typing import Annotated

import typer

from hongbao.identity.v1 import cases_pb2 as pb
from hongbao.identity.v1 import identity_pb2
from hongbao.identity.v1.cases_pb2_grpc import CaseServiceStub
from services.cli.commands.cases import say_case, say_notes, show_queue
from services.cli.members import ask_member
from services.cli.options import HOME, Home

cases = typer.Typer(
    no_args_is_help=True,
    help="Answers people whose check failed. See identity's README.",
)

_PAGE_SIZE = 100
_WORDS_MAX = 2_000
_CASE_NUMBER = re.compile(r"K[0-9]{6}-[0-9A-Z]{8}")
_OPERATOR = re.compile(r"[a-z][a-z0-9.-]{1,39}")


class State(enum.StrEnum):
    """States by which the queue can be listed."""

    OPEN = "open"
    WAITING_FOR_PERSON = "waiting-for-person"
    WITH_OPERATOR = "with-operator"


class Outcome(enum.StrEnum):
    """What an operator can answer."""

    CORRECTED = "corrected"
    INPUT_WRONG = "input-wrong"
    SOURCE_WRONG = "source-wrong"
    REFUSED = "refused"


def _number(text: str) -> str:
    if not _CASE_NUMBER.fullmatch(text):
        raise typer.BadParameter(f"{text[:60]!r} is no case: see `hongbao cases list`")
    return text


def _operator(text: str) -> str:
    if not _OPERATOR.fullmatch(text):
        raise typer.BadParameter("a name has 2 to 40 small letters, digits, dots and dashes")
    return text


def _words(text: str) -> str:
    if len(text) > _WORDS_MAX:
        raise typer.BadParameter(f"at most {_WORDS_MAX} characters")
    return text


def _question(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("the person reads it: ask something")
    return _words(text)


CaseNumber = Annotated[
    str, typer.Argument(callback=_number, metavar="CASE", help="Such as K160207-7Q2M4KXA.")
]
Operator = Annotated[str, typer.Option("--operator", callback=_operator, help="Who you are.")]


@cases.command(
    "list", epilog="Examples: `hongbao cases list` &nbsp; `hongbao cases list --state open --overdue`"
)
def list_cases(
    state: Annotated[
        list[State] | None, typer.Option(help="Only these; may come again. Default: all.")
    ] = None,
    step: Annotated[str, typer.Option(help="Only those that failed at this step.")] = "",
    most: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those that wait for too long.")] = False,
    home: Home = HOME,
) -> None:
    """Lists the cases that have no answer yet, the oldest first."""
    states = [identity_pb2.CaseState.Value(f"CASE_STATE_{one.name}") for one in dict.fromkeys(state or ())]
    request = pb.ListQueueRequest(
        states=states, step=step, overdue_only=overdue, page_size=min(most, _PAGE_SIZE)
    )
    found: list[pb.QueuedCase] = []
    while len(found) < most:
        page = ask_member(
            home,
            "identity",
            lambda channel, timeout_s: CaseServiceStub(channel).ListQueue(request, timeout=timeout_s),
        )
        found += page.cases
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    show_queue(found[:most])


@cases.command(epilog="Example: `hongbao cases show K160207-7Q2M4KXA`")
def show(case: CaseNumber, home: Home = HOME) -> None:
    """Shows a case and what was written to it; numbers that may say who somebody is are masked."""
    request = pb.ReadCaseRequest(case_number=case)
    answer = ask_member(
        home,
        "identity",
        lambda channel, timeout_s: CaseServiceStub(channel).ReadCase(request, timeout=timeout_s),
    )
    say_case(answer.case)
    say_notes(answer.notes)


@cases.command(epilog="Example: `hongbao cases take K160207-7Q2M4KXA --operator lin`")
def take(case: CaseNumber, operator: Operator, home: Home = HOME) -> None:
    """Puts a case into your hands: nobody else can answer it then."""
    request = pb.TakeCaseRequest(case_number=case, operator=operator)
    answer = ask_member(
        home,
        "identity",
        lambda channel, timeout_s: CaseServiceStub(channel).TakeCase(request, timeout=timeout_s),
    )
    say_case(answer.case)


@cases.command(epilog='Example: `hongbao cases ask K160207-7Q2M4KXA "您改过名吗" --operator lin`')
def ask(
    case: CaseNumber,
    text: Annotated[str, typer.Argument(callback=_question, help="The question: the person reads it.")],
    operator: Operator,
    home: Home = HOME,
) -> None:
    """Asks the person something: the case waits for them, and is not overdue until they have answered."""
    request = pb.AskPersonRequest(
        request_id=str(uuid.uuid4()), case_number=case, operator=operator, text=text
    )
    answer = ask_member(
        home,
        "identity",
        lambda channel, timeout_s: CaseServiceStub(channel).AskPerson(request, timeout=timeout_s),
    )
    say_case(answer.case)


@cases.command(
    epilog='Example: `hongbao cases answer K160207-7Q2M4KXA source-wrong --words "请先到派出所更正" '
    "--operator lin`"
)
def answer(
    case: CaseNumber,
    outcome: Annotated[Outcome, typer.Argument(help="What has come out: it has a sentence of its own.")],
    operator: Operator,
    words: Annotated[str, typer.Option(callback=_words, help="What the person reads beside that.")] = "",
    home: Home = HOME,
) -> None:
    """Answers a case, which ends it."""
    request = pb.AnswerCaseRequest(
        case_number=case,
        operator=operator,
        outcome=identity_pb2.CaseOutcome.Value(f"CASE_OUTCOME_{outcome.name}"),
        words=words,
    )
    told = ask_member(
        home,
        "identity",
        lambda channel, timeout_s: CaseServiceStub(channel).AnswerCase(request, timeout=timeout_s),
    )
    say_case(told.case)

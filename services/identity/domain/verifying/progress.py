"""How applications go on: submitting, what providers say, and their silence. Each answer counts once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from services.identity.domain.verifying.application import ENDED, Application, State, check_of
from services.identity.domain.verifying.checks import (
    FAILURES,
    SILENCE,
    CheckKind,
    CheckResult,
    Failure,
    Pauses,
    Question,
    QuestionState,
    Reference,
    concerns,
    fits,
    reference_of,
)
from services.identity.domain.verifying.errors import CheckResultUnfit
from services.identity.domain.verifying.steps import Step, StepState

_AWAITING: Final = frozenset((StepState.CHECKING, StepState.UNANSWERED))
_TO_ASK: Final = frozenset((StepState.GIVEN, StepState.UNANSWERED))


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider's word has come to."""

    application: Application
    first: bool
    """Whether it is the first result under its reference."""
    counted: bool
    """Whether it counts for the application."""
    contradicted: CheckResult | None = None
    """The result on record, if this one is another."""
    failure: Failure | None = None
    """Why the check does not pass: a case is to be opened."""


def submitted(application: Application, now_ms: int) -> Application:
    """Hands an application in; one that is submitted stays as it is. Raises `VerificationIncomplete`."""
    if not application.must_be_submittable():
        return application
    handed_in = replace(application, state=State.SUBMITTED, submitted_ms=now_ms, edited=False)
    return _asked(handed_in, now_ms)


def told(
    application: Application,
    reference: Reference,
    result: CheckResult,
    now_ms: int,
    objection: Failure | None = None,
) -> Told:
    """Takes a provider's word. `objection`: why it does not pass although the provider confirms it.

    Raises `CheckResultUnfit`.
    """
    question = application.question(reference)
    if not fits(question.kind, result):
        raise CheckResultUnfit(reference, result.name)
    if question.result is not None:
        return _told_again(application, question, result)
    counts = _is_awaited(application, question)
    heard = application.with_question(question.answered(result, counts, now_ms))
    if not counts:
        return Told(heard, first=True, counted=False)
    failure = objection or FAILURES[question.kind].get(result)
    if failure is None:
        passed = heard.with_steps(step.moved(StepState.PASSED, now_ms) for step in _steps(heard, question))
        return Told(_advanced(passed, now_ms), first=True, counted=True)
    refused = heard.with_steps(_refused(_steps(heard, question), failure, now_ms))
    ended = _ended_by(refused, failure, now_ms)
    return Told(ended or _advanced(refused, now_ms), first=True, counted=True, failure=failure)


def taken_up(application: Application, reference: Reference, until_ms: int) -> Application:
    """Counts a try; until then nobody else asks. The application is being checked from the first one on."""
    question = application.question(reference)
    assert question.state is QuestionState.OPEN, "only open questions are asked"
    tried = application.with_question(replace(question, tries=question.tries + 1, due_ms=until_ms))
    return replace(tried, state=State.CHECKING) if tried.state is State.SUBMITTED else tried


def unanswered(
    application: Application, reference: Reference, pauses: Pauses, now_ms: int
) -> tuple[Application, Failure | None]:
    """Asks again later, or gives up; then why, for the case that is to be opened."""
    question = application.question(reference)
    if question.state is not QuestionState.OPEN:
        return application, None
    if question.tries < pauses.tries_max:
        later = replace(question, due_ms=now_ms + pauses.after(max(1, question.tries)))
        return application.with_question(later), None
    failure = SILENCE[question.kind]
    steps = (
        _because(step.moved(StepState.UNANSWERED, now_ms), failure) for step in _steps(application, question)
    )
    given_up = application.with_question(question.given_up()).with_steps(steps)
    return _advanced(given_up, now_ms), failure


def with_case(application: Application, case_number: str) -> Application:
    """Writes a case's number to the steps that were refused or not answered and have none yet."""
    return application.with_steps(
        replace(step, case_number=case_number)
        for step in application.steps
        if step.reason and not step.case_number
    )


def _told_again(application: Application, question: Question, result: CheckResult) -> Told:
    if question.result is result:
        return Told(application, first=False, counted=question.counted)
    kept = application.with_question(replace(question, contradictions=question.contradictions + 1))
    return Told(kept, first=False, counted=False, contradicted=question.result)


def _is_awaited(application: Application, question: Question) -> bool:
    """Whether an answer to the question still says something about the evidence that is there."""
    if application.state in ENDED or application.last_question(question.kind, question.ordinal) != question:
        return False
    return all(step.state in _AWAITING for step in _steps(application, question))


def _asked(application: Application, now_ms: int) -> Application:
    """Opens the questions that can be asked now: the registry's first, then all others at once."""
    waiting = [step for step in application.steps if step.state in _TO_ASK]
    checks = list(dict.fromkeys(check_of(step) for step in waiting))
    if any(kind is CheckKind.REGISTRY for kind, _ in checks):
        checks = [check for check in checks if check[0] is CheckKind.REGISTRY]
    for kind, ordinal in checks:
        steps = application.steps_of(kind, ordinal)
        question = _question(application, kind, ordinal, steps, now_ms)
        application = application.with_question(question).with_steps(
            step.moved(StepState.CHECKING, now_ms) for step in steps
        )
    return application


def _question(
    application: Application, kind: CheckKind, ordinal: int, steps: Iterable[Step], now_ms: int
) -> Question:
    last = application.last_question(kind, ordinal)
    if last is not None and all(step.state is StepState.UNANSWERED for step in steps):
        # The same evidence: the provider knows the question, and may have answered it.
        return replace(last, state=QuestionState.OPEN, tries=0, due_ms=now_ms)
    attempt = 1 if last is None else last.attempt + 1
    reference = reference_of(application.verification_id, kind, ordinal, attempt)
    return Question(reference, kind, ordinal, attempt, now_ms)


def _advanced(application: Application, now_ms: int) -> Application:
    """Where an application goes once something has become known."""
    states = {step.state for step in application.steps}
    if states == {StepState.PASSED}:
        return _ended(application, State.VERIFIED, now_ms)
    if application.open_questions():
        return replace(application, state=State.CHECKING)
    if application.edited or states - {StepState.PASSED, StepState.GIVEN}:
        return _sent_back(application, now_ms)
    return _asked(replace(application, state=State.CHECKING), now_ms)


def _sent_back(application: Application, now_ms: int) -> Application:
    """Back to the person, who may submit again unless that was refused too often."""
    was_under_way = application.state is not State.NEEDS_MORE
    refused = any(step.state is StepState.REFUSED for step in application.steps)
    refusals = application.refusals + int(was_under_way and refused)
    sent_back = replace(application, state=State.NEEDS_MORE, refusals=refusals)
    if refusals >= application.submissions_max:
        return _ended(sent_back, State.REJECTED, now_ms)
    return sent_back


def _ended_by(application: Application, failure: Failure, now_ms: int) -> Application | None:
    return _ended(application, State.REJECTED, now_ms) if failure.final else None


def _ended(application: Application, state: State, now_ms: int) -> Application:
    """The end: nobody is asked any more, and nothing of what was typed is needed."""
    assert state in ENDED, "an end is one of two"
    questions = tuple(
        question.given_up() if question.state is QuestionState.OPEN else question
        for question in application.questions
    )
    steps = tuple(replace(step, evidence=None) if _is_typed(step) else step for step in application.steps)
    return replace(application, state=state, questions=questions, steps=steps, ended_ms=now_ms)


def _is_typed(step: Step) -> bool:
    # Photos are needed as long as it may be asked on what grounds somebody was verified.
    return check_of(step)[0] is not CheckKind.AUTHORITY


def _steps(application: Application, question: Question) -> tuple[Step, ...]:
    return application.steps_of(question.kind, question.ordinal)


def _refused(steps: tuple[Step, ...], failure: Failure, now_ms: int) -> list[Step]:
    concerned = [step for step in steps if concerns(failure, step.kind)] or list(steps)
    others = [step.moved(StepState.GIVEN, now_ms) for step in steps if step not in concerned]
    return others + [_because(step.moved(StepState.REFUSED, now_ms), failure) for step in concerned]


def _because(step: Step, failure: Failure) -> Step:
    return replace(step, reason=failure.reason, failed_step=failure.step)

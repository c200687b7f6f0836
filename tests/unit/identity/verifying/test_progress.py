"""What becomes of an application by what providers say, when, and how often."""

from __future__ import annotations

import itertools

import pytest

from services.identity.domain.people import Tier
from services.identity.domain.verifying.application import Application, State
from services.identity.domain.verifying.checks import (
    FAILURES,
    CheckKind,
    CheckResult,
    Failure,
    Pauses,
    QuestionState,
    Reference,
)
from services.identity.domain.verifying.errors import CheckResultUnfit
from services.identity.domain.verifying.progress import (
    submitted,
    taken_up,
    told,
    unanswered,
    with_case,
)
from services.identity.domain.verifying.steps import StepKind
from tests.unit.identity.verifying.applications import (
    NAMED,
    OTHER_NAME,
    card,
    handed_in,
    photo,
    put,
    reference,
    states,
)

REGISTRY, AUTHORITY, BANK = CheckKind
CONFIRMED = CheckResult.CONFIRMED
PAUSES = Pauses(tries_max=3, first_ms=100, longest_ms=150)


def hear(application: Application, *words: tuple[CheckKind, CheckResult]) -> Application:
    for check, result in words:
        question = application.last_question(check, 1)
        assert question is not None
        application = told(application, question.reference, result, 20).application
    return application


def give_up(application: Application, asked: Reference) -> tuple[Application, Failure | None]:
    for _ in range(PAUSES.tries_max):
        application = taken_up(application, asked, 30)
        application, failure = unanswered(application, asked, PAUSES, 20)
    return application, failure


def test_every_order_of_answers_verifies() -> None:
    after_registry = hear(handed_in(), (REGISTRY, CONFIRMED))
    assert states(after_registry) == ["PASSED", "CHECKING", "CHECKING", "CHECKING", "CHECKING"]
    for order in itertools.permutations((AUTHORITY, BANK)):
        application = hear(after_registry, *((check, CONFIRMED) for check in order))
        assert application.state is State.VERIFIED
        assert application.ended_ms == 20
        assert application.submissions_left == 0


@pytest.mark.parametrize(
    ("check", "result"),
    [
        (check, result)
        for check in CheckKind
        for result in FAILURES[check]
        if not FAILURES[check][result].final
    ],
)
def test_a_refusal_goes_back_to_the_person_once_nobody_is_asked_any_more(
    check: CheckKind, result: CheckResult
) -> None:
    others = [] if check is REGISTRY else [(REGISTRY, CONFIRMED)]
    application = hear(handed_in(), *others)
    refused = hear(application, (check, result))
    if check is not REGISTRY:
        assert refused.state is State.CHECKING
        refused = hear(refused, (AUTHORITY if check is BANK else BANK, CONFIRMED))
    assert refused.state is State.NEEDS_MORE
    assert refused.submissions_left == 2
    failure = FAILURES[check][result]
    concerned = [step for step in refused.steps if step.state.name == "REFUSED"]
    assert {(step.reason, step.failed_step) for step in concerned} == {(failure.reason, failure.step)}


def test_only_the_photos_concerned_have_to_be_taken_again() -> None:
    application = hear(handed_in(), (REGISTRY, CONFIRMED), (BANK, CONFIRMED))
    assert states(hear(application, (AUTHORITY, CheckResult.OTHER_FACE)))[1:4] == [
        "GIVEN",
        "GIVEN",
        "REFUSED",
    ]
    assert states(hear(application, (AUTHORITY, CheckResult.DOCUMENT_EXPIRED)))[1:4] == [
        "REFUSED",
        "REFUSED",
        "GIVEN",
    ]
    assert states(hear(application, (AUTHORITY, CheckResult.PHOTO_UNREADABLE)))[1:4] == ["REFUSED"] * 3


def test_other_evidence_is_another_question_and_the_same_evidence_is_the_same_one() -> None:
    application = hear(handed_in(Tier.I), (REGISTRY, CheckResult.OTHER_NAME))
    again = submitted(put(application, StepKind.NAME_AND_NUMBER, OTHER_NAME), 30)
    assert [question.reference for question in again.questions] == [
        reference(REGISTRY, 1),
        reference(REGISTRY, 2),
    ]
    # Even what was refused may be right by now: the registry may have changed.
    same = submitted(put(application, StepKind.NAME_AND_NUMBER, NAMED), 30)
    assert [question.reference for question in same.open_questions()] == [reference(REGISTRY, 2)]
    silent, _ = give_up(handed_in(Tier.I), reference(REGISTRY))
    reopened = submitted(silent, 40)
    assert [(question.reference, question.tries) for question in reopened.questions] == [
        (reference(REGISTRY), 0)
    ]


def test_the_last_refusal_ends_it() -> None:
    application = handed_in(Tier.I, submissions_max=2)
    application = hear(application, (REGISTRY, CheckResult.OTHER_NAME))
    application = submitted(put(application, StepKind.NAME_AND_NUMBER, OTHER_NAME), 30)
    application = hear(application, (REGISTRY, CheckResult.OTHER_NAME))
    assert application.state is State.REJECTED
    assert application.steps[0].evidence is None


def test_a_forged_document_ends_it_at_once_and_nobody_is_asked_any_more() -> None:
    application = hear(handed_in(), (REGISTRY, CONFIRMED), (AUTHORITY, CheckResult.DOCUMENT_FORGED))
    assert application.state is State.REJECTED
    assert application.open_questions() == ()
    # What was asked meanwhile may still be answered; it does not count.
    late = told(application, reference(BANK), CONFIRMED, 50)
    assert (late.first, late.counted) == (True, False)
    assert late.application.state is State.REJECTED
    assert states(late.application) == states(application)


def test_the_first_word_stands_whatever_follows() -> None:
    asked = reference(REGISTRY)
    first = told(handed_in(), asked, CONFIRMED, 20)
    assert (first.first, first.counted, first.contradicted) == (True, True, None)
    again = told(first.application, asked, CONFIRMED, 30)
    assert (again.first, again.counted, again.contradicted) == (False, True, None)
    assert again.application is first.application
    other = told(first.application, asked, CheckResult.OTHER_NAME, 40)
    assert (other.first, other.counted, other.contradicted) == (False, False, CONFIRMED)
    assert other.application.question(asked).contradictions == 1
    assert states(other.application) == states(first.application)


def test_an_answer_that_does_not_fit_the_question_is_refused() -> None:
    for check in CheckKind:
        for result in CheckResult:
            if result is CONFIRMED or result in FAILURES[check]:
                continue
            application = handed_in() if check is REGISTRY else hear(handed_in(), (REGISTRY, CONFIRMED))
            with pytest.raises(CheckResultUnfit):
                told(application, reference(check), result, 20)


def test_silence_is_waited_for_with_growing_pauses_and_then_given_up() -> None:
    application, asked = handed_in(Tier.I), reference(REGISTRY)
    due = []
    for _ in range(3):
        application = taken_up(application, asked, until_ms=1_000)
        assert application.state is State.CHECKING
        assert application.question(asked).due_ms == 1_000
        application, failure = unanswered(application, asked, PAUSES, 20)
        due.append(application.question(asked).due_ms - 20)
    assert due[:2] == [100, 150]
    assert failure == Failure("PROVIDER_UNAVAILABLE", "registry", counts=False)
    assert application.question(asked).state is QuestionState.GIVEN_UP
    assert application.state is State.NEEDS_MORE
    # The person has done nothing wrong.
    assert application.submissions_left == 3
    assert unanswered(application, asked, PAUSES, 30) == (application, None)


@pytest.mark.parametrize(
    ("check", "reason"), [(AUTHORITY, "AUTHORITY_UNAVAILABLE"), (BANK, "CARD_BANK_UNAVAILABLE")]
)
def test_everybody_who_says_nothing_has_a_reason_of_their_own(check: CheckKind, reason: str) -> None:
    application, failure = give_up(hear(handed_in(), (REGISTRY, CONFIRMED)), reference(check))
    assert failure is not None
    assert failure.reason == reason
    assert {step.reason for step in application.steps if step.state.name == "UNANSWERED"} == {reason}


def test_a_late_answer_goes_on_where_silence_had_stopped() -> None:
    silent, _ = give_up(handed_in(), reference(REGISTRY))
    late = told(silent, reference(REGISTRY), CONFIRMED, 99)
    assert late.counted
    assert late.application.state is State.CHECKING
    assert states(late.application) == ["PASSED", "CHECKING", "CHECKING", "CHECKING", "CHECKING"]


def test_a_late_answer_waits_for_whoever_has_begun_to_replace_something() -> None:
    silent, _ = give_up(handed_in(), reference(REGISTRY))
    edited = put(silent, StepKind.PHOTO_FRONT, photo(b"another"))
    late = told(edited, reference(REGISTRY), CONFIRMED, 99)
    assert late.counted
    assert late.application.state is State.NEEDS_MORE
    assert submitted(late.application, 100).state is State.SUBMITTED


def test_a_late_answer_to_evidence_that_was_replaced_does_not_count() -> None:
    silent, _ = give_up(handed_in(Tier.I), reference(REGISTRY))
    replaced = put(silent, StepKind.NAME_AND_NUMBER, OTHER_NAME)
    for application in (replaced, submitted(replaced, 30)):
        late = told(application, reference(REGISTRY), CONFIRMED, 99)
        assert (late.first, late.counted) == (True, False)
        assert late.application.steps == application.steps


def test_a_late_refusal_is_a_refusal() -> None:
    silent, _ = give_up(handed_in(Tier.I), reference(REGISTRY))
    late = told(silent, reference(REGISTRY), CheckResult.NUMBER_UNKNOWN, 99)
    assert late.failure == Failure("RESIDENT_ID_UNKNOWN", "registry")
    assert states(late.application) == ["REFUSED"]


def test_what_is_objected_to_does_not_pass_though_it_is_confirmed() -> None:
    objection = Failure("ALREADY_VERIFIED_AS_OTHER", "account", final=True)
    refused = told(handed_in(), reference(REGISTRY), CONFIRMED, 20, objection)
    assert refused.application.state is State.REJECTED
    assert refused.application.question(reference(REGISTRY)).result is CONFIRMED
    assert refused.failure is objection


def test_a_case_is_written_to_the_steps_that_it_is_about() -> None:
    refused = hear(handed_in(), (REGISTRY, CheckResult.OTHER_NAME))
    steps = with_case(refused, "K160207-7Q2M4KXA").steps
    assert [step.case_number for step in steps] == ["K160207-7Q2M4KXA", "", "", "", ""]
    passed = put(refused, StepKind.NAME_AND_NUMBER, NAMED).steps
    assert {(step.case_number, step.reason) for step in passed} == {("", "")}


def test_cards_of_several_banks_are_asked_about_at_once_and_refused_one_by_one() -> None:
    application = hear(handed_in(Tier.III), (REGISTRY, CONFIRMED), (AUTHORITY, CONFIRMED))
    assert len(application.open_questions()) == 3
    for ordinal, result in ((1, CONFIRMED), (2, CheckResult.OTHER_PHONE), (3, CONFIRMED)):
        application = told(application, reference(BANK, 1, ordinal), result, 20).application
    assert states(application)[4:] == ["PASSED", "REFUSED", "PASSED"]
    again = submitted(put(application, StepKind.BANK_CARD, card(bank=7)), 30)
    assert [question.reference for question in again.open_questions()] == [reference(BANK, 2, 2)]

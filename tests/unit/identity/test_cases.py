from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.domain.cases.answers import ANSWERS
from services.identity.domain.cases.case import Answer, Case, CaseState, Outcome
from services.identity.domain.cases.desk import Change
from services.identity.domain.cases.errors import CaseEnded, CaseNoteLimitReached, CaseTaken
from services.identity.domain.errors import IdentityError
from services.identity.domain.people import AccountId, CaseNumber
from services.mesh.language import Language

NUMBER = CaseNumber("K160207-7Q2M4KXA")
OPEN = Case(NUMBER, AccountId(42), "NAME_MISMATCH", "name_match", opened_ms=1_000_000)
TAKEN = OPEN.taken("lin")
ASKED = OPEN.asked("lin", notes_max=9)
ANSWERED = OPEN.answered("lin", Outcome.REFUSED, "抱歉", 2_000_000)


@pytest.mark.parametrize("state", CaseState)
@pytest.mark.parametrize("answer", [None, *(Answer(outcome, "", 5) for outcome in Outcome)])
def test_a_case_ends_with_an_answer_and_only_then_has_one(state: CaseState, answer: Answer | None) -> None:
    is_right = {
        CaseState.ANSWERED: answer is not None and answer.outcome is not Outcome.PASSED,
        CaseState.RESOLVED: answer is not None and answer.outcome is Outcome.PASSED,
    }.get(state, answer is None)
    if is_right:
        assert dataclasses.replace(OPEN, state=state, answer=answer).state is state
    else:
        with pytest.raises(AssertionError):
            dataclasses.replace(OPEN, state=state, answer=answer)


@pytest.mark.parametrize(
    ("case", "state"),
    [
        (TAKEN, CaseState.WITH_OPERATOR),
        (TAKEN.taken("lin"), CaseState.WITH_OPERATOR),
        (ASKED, CaseState.WAITING_FOR_PERSON),
        (ASKED.taken("lin"), CaseState.WAITING_FOR_PERSON),
        (OPEN.added_to(9), CaseState.OPEN),
        (TAKEN.added_to(9), CaseState.WITH_OPERATOR),
        (ASKED.added_to(9), CaseState.WITH_OPERATOR),
        (ANSWERED, CaseState.ANSWERED),
        (ANSWERED.answered("lin", Outcome.REFUSED, "抱歉", 9_000_000), CaseState.ANSWERED),
    ],
)
def test_where_a_case_stands_after_what_was_done(case: Case, state: CaseState) -> None:
    assert case.state is state


def test_what_is_done_to_an_ended_case_is_refused() -> None:
    acts: Sequence[Change] = (
        lambda case: case.added_to(9),
        lambda case: case.taken("lin"),
        lambda case: case.asked("lin", 9),
        lambda case: case.answered("lin", Outcome.CORRECTED, "抱歉", 9),
        lambda case: case.answered("wang", Outcome.REFUSED, "抱歉", 9),
    )
    for act in acts:
        with pytest.raises(CaseEnded):
            act(ANSWERED)


def test_a_case_is_in_one_operators_hands() -> None:
    acts: Sequence[Change] = (
        lambda case: case.taken("wang"),
        lambda case: case.asked("wang", 9),
        lambda case: case.answered("wang", Outcome.REFUSED, "", 9),
    )
    for act in acts:
        with pytest.raises(CaseTaken):
            act(TAKEN)


def test_notes_are_bounded() -> None:
    full = OPEN.added_to(1)
    with pytest.raises(CaseNoteLimitReached):
        full.added_to(1)
    with pytest.raises(CaseNoteLimitReached):
        full.asked("lin", 1)


def test_ages_are_in_seconds_and_end_with_the_case() -> None:
    assert OPEN.age_s(1_000_999) == 0
    assert OPEN.age_s(61_000_000) == 60_000
    assert ANSWERED.age_s(61_000_000) == 1_000
    assert OPEN.is_overdue(61_000_000, 60_000)
    assert not OPEN.is_overdue(60_999_999, 60_000)
    assert TAKEN.is_overdue(61_000_000, 60_000)
    assert not ASKED.is_overdue(61_000_000, 60_000), "it is the person's turn"
    assert not ANSWERED.is_overdue(61_000_000, 60)


def test_every_outcome_has_a_sentence_in_every_language() -> None:
    assert ANSWERS.keys() == set(Outcome)
    for sentences in ANSWERS.values():
        assert set(sentences) == set(Language)
        assert all(sentences.values())


ACTS: Mapping[str, Change] = {
    "add": lambda case: case.added_to(3),
    "take": lambda case: case.taken("lin"),
    "ask": lambda case: case.asked("lin", 3),
    "answer": lambda case: case.answered("lin", Outcome.CORRECTED, "", 7),
    "take as another": lambda case: case.taken("wang"),
}


@settings(max_examples=50)
@given(st.lists(st.sampled_from(sorted(ACTS)), max_size=8))
def test_whatever_is_done_no_case_ends_without_an_answer_or_twice(acts: list[str]) -> None:
    case = OPEN
    for act in acts:
        before = case
        try:
            case = ACTS[act](before)
        except IdentityError:
            continue
        assert case.state.ended == (case.answer is not None)
        if before.state.ended:
            assert case == before
    assert case.note_count <= 3

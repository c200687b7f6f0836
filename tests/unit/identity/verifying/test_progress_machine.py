"""Whatever happens, in whatever order: each answer counts once, and nobody waits for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.domain.errors import IdentityError
from services.identity.domain.people import Tier
from services.identity.domain.verifying.application import ENDED, UNDER_WAY, Application, State
from services.identity.domain.verifying.checks import (
    FAILURES,
    CheckKind,
    CheckResult,
    Pauses,
    QuestionState,
    Reference,
)
from services.identity.domain.verifying.progress import submitted, taken_up, told, unanswered
from services.identity.domain.verifying.steps import PHOTOS, StepKind, StepState
from tests.unit.identity.verifying.applications import NAMED, OTHER_NAME, card, complete, new, photo

PAUSES = Pauses(tries_max=2, first_ms=10, longest_ms=20)
SUBMISSIONS_MAX = 3


@dataclass(slots=True)
class Desk:
    """An application on record, and what processes hold in their hands: a crash empties those."""

    record: Application
    now_ms: int = 10
    hands: list[tuple[Reference, int]] = field(default_factory=list)
    effects: list[Reference] = field(default_factory=list)
    """What was done because of a confirmation, as it would be in the same transaction."""
    results: dict[Reference, CheckResult] = field(default_factory=dict)

    def act(self, action: str, which: int) -> None:
        self.now_ms += 1
        try:
            getattr(self, action)(which)
        except IdentityError:
            return

    def give(self, which: int) -> None:
        step = self.record.steps[which % len(self.record.steps)]
        evidence = photo(bytes([which]), which + 1) if step.kind in PHOTOS else card(which % 5, which % 3)
        given = (NAMED, OTHER_NAME)[which % 2] if step.kind is StepKind.NAME_AND_NUMBER else evidence
        self.record = self.record.put(step.kind, given, self.now_ms, frozenset())

    def fill(self, _which: int) -> None:
        if self.record.state is State.DRAFT:
            self.record = complete(self.record)

    def submit(self, _which: int) -> None:
        self.record = submitted(self.record, self.now_ms)

    def take(self, _which: int) -> None:
        for question in self.record.open_questions():
            if question.due_ms <= self.now_ms:
                self.record = taken_up(self.record, question.reference, self.now_ms + 5)
                self.hands.append((question.reference, question.tries + 1))

    def crash(self, _which: int) -> None:
        self.hands.clear()

    def wait(self, which: int) -> None:
        self.now_ms += which

    def hear_nothing(self, which: int) -> None:
        if self.hands:
            reference, tries = self.hands.pop(which % len(self.hands))
            if self.record.question(reference).tries == tries:
                self.record, _ = unanswered(self.record, reference, PAUSES, self.now_ms)

    def hear(self, which: int) -> None:
        """A provider answers: the one that was asked, or any other that reports by itself, late or again."""
        if self.record.questions:
            question = self.record.questions[which % len(self.record.questions)]
            found = [CheckResult.CONFIRMED] * 3 + list(FAILURES[question.kind])
            word = told(self.record, question.reference, found[which % len(found)], self.now_ms)
            self.record = word.application
            if word.first and word.counted and word.failure is None:
                self.effects.append(question.reference)

    def check(self) -> None:
        record = self.record
        states = {step.state for step in record.steps}
        assert (record.state is State.VERIFIED) == (states == {StepState.PASSED})
        assert bool(record.open_questions()) == (record.state in UNDER_WAY)
        assert record.refusals <= SUBMISSIONS_MAX
        assert (
            record.state is not State.NEEDS_MORE
            or record.edited
            or states
            & {
                StepState.REFUSED,
                StepState.UNANSWERED,
            }
        )
        for question in record.questions:
            assert (question.result is not None) == (question.state is QuestionState.ANSWERED)
            if question.result is not None:
                assert self.results.setdefault(question.reference, question.result) is question.result
        confirmed = [
            question
            for question in record.questions
            if question.counted and question.result is CheckResult.CONFIRMED
        ]
        # One effect for each confirmation that counts, and one such for each check that has passed.
        assert sorted(self.effects) == sorted(question.reference for question in confirmed)
        checks = [(question.kind, question.ordinal) for question in confirmed]
        assert len(checks) == len(set(checks))
        passed = {step.kind for step in record.steps if step.state is StepState.PASSED}
        assert (StepKind.NAME_AND_NUMBER in passed) == ((CheckKind.REGISTRY, 1) in checks)


ACTIONS = st.tuples(
    st.sampled_from(
        ["give", "fill", "submit", "submit", "take", "crash", "wait", "hear_nothing", "hear", "hear", "hear"]
    ),
    st.integers(0, 40),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([Tier.I, Tier.II, Tier.III]), st.lists(ACTIONS, min_size=20, max_size=60))
def test_each_answer_counts_once_whatever_happens(level: Tier, actions: list[tuple[str, int]]) -> None:
    desk = Desk(complete(new(level, submissions_max=SUBMISSIONS_MAX)))
    for action, which in actions:
        desk.act(action, which)
        desk.check()
    expect_an_end(desk)


def expect_an_end(desk: Desk) -> None:
    """Nobody waits for ever: as soon as whoever is asked confirms, everything goes on to its end."""
    for _ in range(40):
        if desk.record.state in ENDED:
            return
        places = len(desk.record.steps)
        # A card of a bank that another step has is put there: cards of all banks, then.
        for which in range(5 * places):
            if desk.record.steps[which % places].state in {StepState.MISSING, StepState.REFUSED}:
                desk.act("give", which)
        desk.act("submit", 0)
        for question in desk.record.open_questions():
            word = told(desk.record, question.reference, CheckResult.CONFIRMED, desk.now_ms)
            desk.record = word.application
            desk.effects.append(question.reference)
        desk.check()
    raise AssertionError(desk.record)

"""An application for verification: what may be done with it. Nothing here waits or asks.

Every change is a new value; whoever keeps it does so in one transaction with what the change brings about.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NewType

from services.identity.domain.people import AccountId, Tier
from services.identity.domain.verifying.checks import CheckKind, Question, QuestionState, Reference
from services.identity.domain.verifying.errors import (
    StepNotAsked,
    VerificationEnded,
    VerificationIncomplete,
    VerificationUnderWay,
)
from services.identity.domain.verifying.steps import (
    PHOTOS,
    CardAndPhone,
    Evidence,
    Step,
    StepKind,
    StepState,
    steps_of,
)

VerificationId = NewType("VerificationId", int)


class State(enum.IntEnum):
    """Where an application stands; numbers are the contract's."""

    DRAFT = 1
    SUBMITTED = 2
    CHECKING = 3
    VERIFIED = 4
    REJECTED = 5
    NEEDS_MORE = 6


ENDED: Final = frozenset((State.VERIFIED, State.REJECTED))
UNDER_WAY: Final = frozenset((State.SUBMITTED, State.CHECKING))
_OPEN_STEPS: Final = frozenset((StepState.MISSING, StepState.REFUSED))
_TO_ASK: Final = frozenset((StepState.GIVEN, StepState.UNANSWERED))


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What is known of a person before an application begins."""

    person: bool = False
    """Whether somebody is verified behind the account."""
    document: bool = False
    """Whether the ID authority has confirmed photos."""
    banks: frozenset[str] = frozenset()
    """Codes of the banks that have confirmed a card."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application of an account, with all that was asked for it."""

    verification_id: VerificationId
    account_id: AccountId
    level: Tier
    steps: tuple[Step, ...]
    started_ms: int
    submissions_max: int
    """How often it may be refused; the last time ends it."""
    state: State = State.DRAFT
    questions: tuple[Question, ...] = ()
    """In the order in which they arose."""
    refusals: int = 0
    """How often it came back for other evidence."""
    evidence_count: int = 0
    """How often evidence was given."""
    edited: bool = False
    """Whether evidence was replaced since it was submitted last."""
    version: int = 1
    submitted_ms: int | None = None
    ended_ms: int | None = None

    @property
    def submissions_left(self) -> int:
        """How often it may still be submitted."""
        return 0 if self.state in ENDED else self.submissions_max - self.refusals

    def step(self, kind: StepKind, ordinal: int = 1) -> Step | None:
        """A step, or None if the level does not ask for it."""
        return next((step for step in self.steps if (step.kind, step.ordinal) == (kind, ordinal)), None)

    def question(self, reference: Reference) -> Question:
        """The question with a reference, which must be of this application."""
        return next(question for question in self.questions if question.reference == reference)

    def last_question(self, kind: CheckKind, ordinal: int) -> Question | None:
        """The newest question of a check."""
        asked = [
            question for question in self.questions if (question.kind, question.ordinal) == (kind, ordinal)
        ]
        return asked[-1] if asked else None

    def steps_of(self, kind: CheckKind, ordinal: int) -> tuple[Step, ...]:
        """The steps that a check is about."""
        return tuple(step for step in self.steps if check_of(step) == (kind, ordinal))

    def with_steps(self, changed: Iterable[Step]) -> Application:
        """The application with other steps in the places of theirs."""
        by_place = {(step.kind, step.ordinal): step for step in changed}
        steps = tuple(by_place.get((step.kind, step.ordinal), step) for step in self.steps)
        return replace(self, steps=steps)

    def with_question(self, changed: Question) -> Application:
        """The application with a question changed, or added."""
        if all(question.reference != changed.reference for question in self.questions):
            return replace(self, questions=(*self.questions, changed))
        questions = (changed if old.reference == changed.reference else old for old in self.questions)
        return replace(self, questions=tuple(questions))

    def put(self, kind: StepKind, evidence: Evidence, now_ms: int, banks: frozenset[str]) -> Application:
        """Gives evidence. The same again, while nobody has refused it, changes nothing.

        `banks` are those that have confirmed the person already. Raises `VerificationEnded`,
        `VerificationUnderWay`, `StepNotAsked`.
        """
        self._must_be_editable()
        step = self._place_of(kind, evidence, banks)
        if step.evidence == evidence and step.state in _TO_ASK:
            return self
        return replace(
            self.with_steps((step.given(evidence, now_ms),)),
            evidence_count=self.evidence_count + 1,
            edited=True,
        )

    def must_be_submittable(self) -> bool:
        """Whether there is anything to submit: False while it is under way, and once it is over.

        Raises `VerificationIncomplete`.
        """
        if self.state in UNDER_WAY or self.state in ENDED:
            # It was submitted: whoever says so again has lost the answer.
            return False
        missing = [step.kind.name for step in self.steps if step.state in _OPEN_STEPS]
        if missing:
            raise VerificationIncomplete(self.verification_id, ",".join(dict.fromkeys(missing)))
        return True

    def open_questions(self) -> tuple[Question, ...]:
        """Those that somebody still asks."""
        return tuple(question for question in self.questions if question.state is QuestionState.OPEN)

    def _must_be_editable(self) -> None:
        if self.state in ENDED:
            raise VerificationEnded(self.verification_id, self.state.name)
        if self.state in UNDER_WAY:
            raise VerificationUnderWay(self.verification_id)

    def _place_of(self, kind: StepKind, evidence: Evidence, banks: frozenset[str]) -> Step:
        """The step that evidence is for."""
        steps = [step for step in self.steps if step.kind is kind and step.state is not StepState.PASSED]
        if isinstance(evidence, CardAndPhone):
            code = evidence.card.bank.code
            steps = [] if code in banks else _places_of_card(steps, code)
        if not steps:
            raise StepNotAsked(self.verification_id, kind.name)
        return steps[0]


def opened(
    verification_id: VerificationId,
    account_id: AccountId,
    level: Tier,
    kinds: Sequence[StepKind],
    confirmed: Confirmed,
    submissions_max: int,
    now_ms: int,
) -> Application:
    """A new application; what is confirmed already begins as passed."""
    banks_left = len(confirmed.banks)
    steps = []
    for step in steps_of(kinds, level):
        passed = {StepKind.NAME_AND_NUMBER: confirmed.person, StepKind.BANK_CARD: banks_left > 0}.get(
            step.kind, confirmed.document
        )
        if step.kind is StepKind.BANK_CARD and passed:
            banks_left -= 1
        steps.append(step.moved(StepState.PASSED, now_ms) if passed else step)
    return Application(verification_id, account_id, level, tuple(steps), now_ms, submissions_max)


def check_of(step: Step) -> tuple[CheckKind, int]:
    """Which check decides about a step."""
    if step.kind is StepKind.NAME_AND_NUMBER:
        return CheckKind.REGISTRY, 1
    if step.kind in PHOTOS:
        return CheckKind.AUTHORITY, 1
    return CheckKind.BANK, step.ordinal


def _places_of_card(steps: Sequence[Step], bank_code: str) -> list[Step]:
    """Where a card of a bank goes: to the one of that bank, else to the first that needs one."""
    same = [
        step
        for step in steps
        if isinstance(step.evidence, CardAndPhone) and step.evidence.card.bank.code == bank_code
    ]
    return same or [step for step in steps if step.state in _OPEN_STEPS]

"""A case: where it stands, what may be done with it, and what it has ended with."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from services.identity.domain.cases.errors import CaseEnded, CaseNoteLimitReached, CaseTaken
from services.identity.domain.people import AccountId, CaseNumber


class CaseState(enum.IntEnum):
    """Where a case stands; numbers are the contract's."""

    OPEN = 1
    """Nobody is at it."""
    RESOLVED = 2
    """A later check passed."""
    WAITING_FOR_PERSON = 3
    """An operator has asked the person something."""
    WITH_OPERATOR = 4
    ANSWERED = 5
    """An operator, or a rule, has answered it."""

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen."""
        return self in (CaseState.RESOLVED, CaseState.ANSWERED)


UNENDED = (CaseState.OPEN, CaseState.WAITING_FOR_PERSON, CaseState.WITH_OPERATOR)


class Outcome(enum.IntEnum):
    """What has come out of a case; numbers are the contract's."""

    PASSED = 1
    """A later check of the account passed."""
    CORRECTED = 2
    """What was wrong on this side has been put right."""
    INPUT_WRONG = 3
    """What was entered is not what is on the card or document."""
    SOURCE_WRONG = 4
    """The bank or the registry has other data, which only they can change."""
    REFUSED = 5
    """It cannot be confirmed that the data is the person's."""
    LAPSED = 6
    """The person has not come back for long, or has ended the account."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a case has ended with."""

    outcome: Outcome
    words: str = field(repr=False)
    """The operator's own, beside the sentence of the outcome; may be empty."""
    answered_ms: int
    """Milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Case:
    """What became of a failed check."""

    case_number: CaseNumber
    account_id: AccountId
    reason: str
    """Wire name of the error reason."""
    step: str
    opened_ms: int
    failure_count: int = 1
    """How often the check failed in the same way while the case was open."""
    state: CaseState = CaseState.OPEN
    operator: str = ""
    """Who has it, by name; empty for nobody."""
    note_count: int = 0
    answer: Answer | None = None

    def __post_init__(self) -> None:
        """A case that has ended has an answer, and no other case has one."""
        assert self.state.ended == (self.answer is not None), "a case ends with an answer"
        if self.answer is not None:
            passed = self.answer.outcome is Outcome.PASSED
            assert passed == (self.state is CaseState.RESOLVED), "what passed is resolved, and nothing else"

    @property
    def resolved_ms(self) -> int | None:
        """When a later check passed; None unless that has ended the case."""
        return self.answer.answered_ms if self.answer and self.state is CaseState.RESOLVED else None

    def age_s(self, now_ms: int) -> int:
        """Seconds since it was opened, or until it ended."""
        until_ms = now_ms if self.answer is None else self.answer.answered_ms
        return max(0, until_ms - self.opened_ms) // 1000

    def is_overdue(self, now_ms: int, overdue_s: int) -> bool:
        """Whether people have waited for an answer for longer than they should."""
        waits = self.state in (CaseState.OPEN, CaseState.WITH_OPERATOR)
        return waits and self.age_s(now_ms) >= overdue_s

    def added_to(self, notes_max: int) -> Case:
        """After a note of the person. Raises `CaseEnded`, `CaseNoteLimitReached`."""
        noted = self._noted(notes_max)
        if self.state is not CaseState.WAITING_FOR_PERSON:
            return noted
        return replace(noted, state=CaseState.WITH_OPERATOR if self.operator else CaseState.OPEN)

    def taken(self, operator: str) -> Case:
        """In an operator's hands. Raises `CaseEnded`, `CaseTaken`."""
        self._check_hands(operator)
        if self.operator == operator:
            return self
        return replace(self, operator=operator, state=CaseState.WITH_OPERATOR)

    def asked(self, operator: str, notes_max: int) -> Case:
        """After an operator's question. Raises `CaseEnded`, `CaseTaken`, `CaseNoteLimitReached`."""
        self._check_hands(operator)
        return replace(self._noted(notes_max), operator=operator, state=CaseState.WAITING_FOR_PERSON)

    def answered(self, operator: str, outcome: Outcome, words: str, now_ms: int) -> Case:
        """With an answer; the same answer again changes nothing. Raises `CaseEnded`, `CaseTaken`."""
        assert outcome is not Outcome.PASSED, "only a check that passes resolves a case"
        said = self.answer
        if said is not None and (said.outcome, said.words, self.operator) == (outcome, words, operator):
            return self
        self._check_hands(operator)
        answer = Answer(outcome, words, now_ms)
        return replace(self, operator=operator, state=CaseState.ANSWERED, answer=answer)

    def lapsed(self, now_ms: int) -> Case:
        """Answered by a rule, whoever has it. Raises `CaseEnded`."""
        if self.state.ended:
            raise CaseEnded(self.case_number)
        return replace(self, state=CaseState.ANSWERED, answer=Answer(Outcome.LAPSED, "", now_ms))

    def handed_back(self) -> Case:
        """With the operator again, whom the person has not answered."""
        assert self.state is CaseState.WAITING_FOR_PERSON, "an operator has asked"
        return replace(self, state=CaseState.WITH_OPERATOR)

    def _noted(self, notes_max: int) -> Case:
        if self.state.ended:
            raise CaseEnded(self.case_number)
        if self.note_count >= notes_max:
            raise CaseNoteLimitReached(self.case_number, notes_max)
        return replace(self, note_count=self.note_count + 1)

    def _check_hands(self, operator: str) -> None:
        if self.state.ended:
            raise CaseEnded(self.case_number)
        if self.operator not in ("", operator):
            raise CaseTaken(self.case_number, self.operator)


class Author(enum.IntEnum):
    """Who wrote a note; numbers are the contract's."""

    PERSON = 1
    OPERATOR = 2


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote to a case."""

    author: Author
    text: str = field(repr=False)
    photo_reference: str
    """The photo's name; empty for none."""
    added_ms: int


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which cases of the queue are wanted."""

    states: Sequence[CaseState] = UNENDED
    reason: str = ""
    """Wire name of the error reason; empty for all."""
    step: str = ""
    opened_before_ms: int | None = None
    """Only those opened before that which do not wait for the person; None for all."""

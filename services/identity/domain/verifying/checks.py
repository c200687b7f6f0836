"""What providers are asked, what they can say, and what each of their answers means for the person."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final, NewType

from services.identity.domain.verifying.steps import StepKind

Reference = NewType("Reference", str)
"""What a provider knows a question by."""


class CheckKind(enum.IntEnum):
    """Who is asked. Values are kept."""

    REGISTRY = 1
    """The population registry: name and number."""
    AUTHORITY = 2
    """The ID authority: photos of the document and of its holder."""
    BANK = 3
    """A card's bank: four elements."""


class CheckResult(enum.IntEnum):
    """What a provider found; numbers are the contract's."""

    CONFIRMED = 1
    OTHER_NAME = 2
    NUMBER_UNKNOWN = 3
    PHOTO_UNREADABLE = 4
    OTHER_FACE = 5
    DOCUMENT_EXPIRED = 6
    DOCUMENT_FORGED = 7
    NO_SUCH_CARD = 8
    OTHER_RESIDENT_ID = 9
    OTHER_PHONE = 10


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a check does not pass."""

    reason: str
    """Wire name of an error reason."""
    step: str
    final: bool = False
    """Whether no further evidence can change it."""
    counts: bool = True
    """Whether it brings the account nearer to its limit of failed checks: silence of a provider does not."""


FAILURES: Final[dict[CheckKind, dict[CheckResult, Failure]]] = {
    CheckKind.REGISTRY: {
        CheckResult.OTHER_NAME: Failure("NAME_MISMATCH", "name_match"),
        CheckResult.NUMBER_UNKNOWN: Failure("RESIDENT_ID_UNKNOWN", "registry"),
    },
    CheckKind.AUTHORITY: {
        CheckResult.PHOTO_UNREADABLE: Failure("DOCUMENT_REFUSED", "photo_unreadable"),
        CheckResult.OTHER_FACE: Failure("DOCUMENT_REFUSED", "other_face"),
        CheckResult.DOCUMENT_EXPIRED: Failure("DOCUMENT_REFUSED", "expired"),
        CheckResult.DOCUMENT_FORGED: Failure("DOCUMENT_REFUSED", "forged", final=True),
    },
    CheckKind.BANK: {
        CheckResult.NO_SUCH_CARD: Failure("CARD_REFUSED", "card"),
        CheckResult.OTHER_RESIDENT_ID: Failure("CARD_REFUSED", "resident_id"),
        CheckResult.OTHER_NAME: Failure("CARD_REFUSED", "name"),
        CheckResult.OTHER_PHONE: Failure("CARD_REFUSED", "phone"),
    },
}
"""What each result that is no confirmation means; a result that is not here does not fit the question."""

SILENCE: Final = {
    CheckKind.REGISTRY: Failure("PROVIDER_UNAVAILABLE", "registry", counts=False),
    CheckKind.AUTHORITY: Failure("AUTHORITY_UNAVAILABLE", "authority", counts=False),
    CheckKind.BANK: Failure("CARD_BANK_UNAVAILABLE", "bank", counts=False),
}
"""What it means that a provider has not answered in time."""

_CONCERNED: Final = {
    "other_face": frozenset((StepKind.PHOTO_HAND_HELD,)),
    "expired": frozenset((StepKind.PHOTO_FRONT, StepKind.PHOTO_BACK)),
}
"""Photos that must be taken again; all of them where a step is not here."""


def fits(kind: CheckKind, result: CheckResult) -> bool:
    """Whether a question of this kind can have this result."""
    return result is CheckResult.CONFIRMED or result in FAILURES[kind]


def concerns(failure: Failure, kind: StepKind) -> bool:
    """Whether a failed check asks for other evidence in this one of its steps."""
    return failure.reason != "DOCUMENT_REFUSED" or kind in _CONCERNED.get(failure.step, {kind})


class QuestionState(enum.IntEnum):
    """Where a question stands. Values are kept."""

    OPEN = 1
    """To be asked, or being asked."""
    ANSWERED = 2
    GIVEN_UP = 3
    """Nobody asks any more; an answer that still comes is welcome."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a provider: one reference, however often it is asked."""

    reference: Reference
    kind: CheckKind
    ordinal: int
    """Which of the application's cards, from 1; 1 for the others."""
    attempt: int
    """From 1; rises with other evidence."""
    due_ms: int
    """When it is asked next."""
    state: QuestionState = QuestionState.OPEN
    tries: int = 0
    """How often it was taken up since it was opened."""
    result: CheckResult | None = None
    """The first that came."""
    result_ms: int | None = None
    counted: bool = False
    """Whether that result counts: it does not for evidence that was replaced, or after the end."""
    contradictions: int = 0
    """How many reports said otherwise afterwards."""

    def answered(self, result: CheckResult, counted: bool, now_ms: int) -> Question:  # noqa: FBT001 - a fact
        """The question with its one answer."""
        assert self.result is None, "the first answer stands"
        assert fits(self.kind, result), "the result was judged before"
        return replace(self, state=QuestionState.ANSWERED, result=result, result_ms=now_ms, counted=counted)

    def given_up(self) -> Question:
        """The question when asking has ended without an answer."""
        assert self.result is None, "an answered question is not given up"
        return replace(self, state=QuestionState.GIVEN_UP)


def reference_of(verification_id: int, kind: CheckKind, ordinal: int, attempt: int) -> Reference:
    """The same for the same evidence: whoever asks again, after any crash, asks the same question."""
    subject = kind.name.lower() if kind is not CheckKind.BANK else f"bank{ordinal}"
    return Reference(f"V{verification_id:x}-{subject}-{attempt}")


@dataclass(frozen=True, slots=True)
class Pauses:
    """How patiently a provider is asked."""

    tries_max: int = 4
    first_ms: int = 2_000
    """Pause after the first try; it doubles with every further one."""
    longest_ms: int = 60_000

    def after(self, tries: int) -> int:
        """Pause after so many tries, milliseconds."""
        assert tries >= 1, "a pause follows a try"
        return int(min(self.longest_ms, self.first_ms << min(tries - 1, 32)))

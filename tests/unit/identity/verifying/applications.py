"""Applications for tests: what people give, and how it is handed in."""

from __future__ import annotations

from services.identity.domain import bank_cards
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.names import PersonName
from services.identity.domain.people import AccountId, Tier
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.identity.domain.verifying.application import (
    Application,
    Confirmed,
    VerificationId,
    opened,
)
from services.identity.domain.verifying.checks import CheckKind, Reference
from services.identity.domain.verifying.photos import Photo, PhotoHeader, PhotoType
from services.identity.domain.verifying.progress import submitted
from services.identity.domain.verifying.steps import (
    PHOTOS,
    CardAndPhone,
    Evidence,
    NameAndNumber,
    StepKind,
    StepState,
)

NUMBER = "11010519491231002X"
NAMED = NameAndNumber(PersonName("彭艳秀"), ResidentId(NUMBER))
OTHER_NAME = NameAndNumber(PersonName("王小明"), ResidentId(NUMBER))
LEVELS = {
    Tier.I: (StepKind.NAME_AND_NUMBER,),
    Tier.II: (StepKind.NAME_AND_NUMBER, *sorted(PHOTOS), StepKind.BANK_CARD),
    Tier.III: (StepKind.NAME_AND_NUMBER, *sorted(PHOTOS), *(StepKind.BANK_CARD,) * 3),
}


def photo(digest: bytes, photo_id: int = 1) -> Photo:
    return Photo(photo_id, PhotoHeader(PhotoType.PNG, 800, 600), digest)


def card(bank: int = 0, ordinal: int = 0) -> CardAndPhone:
    number = bank_cards.parse(issued_card(BANKS[bank], NUMBER, ordinal))
    return CardAndPhone(number, reserved_phone(NUMBER))


def new(level: Tier = Tier.II, confirmed: Confirmed | None = None, submissions_max: int = 3) -> Application:
    kinds = LEVELS[level]
    return opened(
        VerificationId(31), AccountId(7), level, kinds, confirmed or Confirmed(), submissions_max, 1
    )


def put(application: Application, kind: StepKind, evidence: Evidence, now_ms: int = 2) -> Application:
    return application.put(kind, evidence, now_ms, frozenset())


def complete(application: Application) -> Application:
    """Gives whatever is missing."""
    banks = iter(range(len(BANKS)))
    for step in application.steps:
        if step.state is not StepState.MISSING:
            continue
        given: Evidence = NAMED
        if step.kind in PHOTOS:
            given = photo(step.kind.name.encode(), int(step.kind))
        elif step.kind is StepKind.BANK_CARD:
            given = card(next(banks))
        application = put(application, step.kind, given)
    return application


def handed_in(level: Tier = Tier.II, submissions_max: int = 3) -> Application:
    return submitted(complete(new(level, submissions_max=submissions_max)), 10)


def reference(check: CheckKind, attempt: int = 1, ordinal: int = 1) -> Reference:
    name = f"bank{ordinal}" if check is CheckKind.BANK else check.name.lower()
    return Reference(f"V1f-{name}-{attempt}")


def states(application: Application) -> list[str]:
    return [step.state.name for step in application.steps]

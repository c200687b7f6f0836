"""What can be done with an application, and what cannot."""

from __future__ import annotations

import pytest

from services.identity.domain.people import Tier
from services.identity.domain.verifying.application import Confirmed, State
from services.identity.domain.verifying.checks import CheckKind, CheckResult
from services.identity.domain.verifying.errors import (
    StepNotAsked,
    VerificationEnded,
    VerificationIncomplete,
    VerificationUnderWay,
)
from services.identity.domain.verifying.progress import submitted, told
from services.identity.domain.verifying.steps import LevelUnreachable, StepKind, StepState, check_level
from services.identity.settings import IdentitySettings
from tests.unit.identity.verifying.applications import (
    LEVELS,
    NAMED,
    OTHER_NAME,
    card,
    complete,
    handed_in,
    new,
    photo,
    put,
    reference,
    states,
)

NAME, FRONT, BACK, HELD, CARD = StepKind


def test_what_is_confirmed_already_begins_as_passed() -> None:
    known = new(Tier.III, Confirmed(person=True, document=True, banks=frozenset({"ICBC", "CMB"})))
    assert states(known) == ["PASSED"] * 6 + ["MISSING"]
    assert states(new(Tier.III)) == ["MISSING"] * 7


def test_the_same_evidence_again_changes_nothing() -> None:
    once = put(new(), NAME, NAMED)
    assert put(once, NAME, NAMED, now_ms=9) is once
    # Another upload of the same photo is the same photo.
    once = put(once, FRONT, photo(b"one", photo_id=1))
    assert put(once, FRONT, photo(b"one", photo_id=2), now_ms=9) is once


def test_other_evidence_takes_the_place_of_what_was_there() -> None:
    twice = put(put(new(), NAME, NAMED), NAME, OTHER_NAME)
    assert twice.steps[0].evidence == OTHER_NAME
    assert twice.evidence_count == 2


def test_cards_go_to_the_place_of_their_bank_or_to_the_next_free_one() -> None:
    application = new(Tier.III)
    for given in (card(bank=3), card(bank=4), card(bank=3, ordinal=1), card(bank=5)):
        application = put(application, CARD, given)
    kept = [step.evidence for step in application.steps if step.kind is CARD]
    assert kept == [card(bank=3, ordinal=1), card(bank=4), card(bank=5)]
    with pytest.raises(StepNotAsked):
        put(application, CARD, card(bank=6))


def test_a_bank_that_has_confirmed_already_is_not_asked_again() -> None:
    with pytest.raises(StepNotAsked):
        new().put(CARD, card(bank=0), 2, frozenset({"ICBC"}))


def test_a_level_takes_only_what_it_asks_for() -> None:
    with pytest.raises(StepNotAsked):
        put(new(Tier.I), FRONT, photo(b"one"))


def test_an_incomplete_application_says_what_is_missing() -> None:
    application = put(put(new(), NAME, NAMED), BACK, photo(b"back"))
    with pytest.raises(VerificationIncomplete) as incomplete:
        submitted(application, 3)
    assert incomplete.value.metadata["missing"] == "PHOTO_FRONT,PHOTO_HAND_HELD,BANK_CARD"


def test_the_registry_is_asked_before_all_others() -> None:
    application = handed_in()
    assert application.state is State.SUBMITTED
    assert [question.reference for question in application.open_questions()] == [
        reference(CheckKind.REGISTRY)
    ]
    assert states(application) == ["CHECKING", "GIVEN", "GIVEN", "GIVEN", "GIVEN"]
    assert submitted(application, 11) is application


def test_nothing_is_taken_while_it_is_checked_nor_after_its_end() -> None:
    application = handed_in(Tier.I)
    with pytest.raises(VerificationUnderWay):
        put(application, NAME, OTHER_NAME)
    verified = told(application, reference(CheckKind.REGISTRY), CheckResult.CONFIRMED, 20).application
    assert verified.state is State.VERIFIED
    with pytest.raises(VerificationEnded):
        put(verified, NAME, OTHER_NAME)
    # Whoever hands in again has lost the answer: providers are often faster than it.
    assert submitted(verified, 21) is verified


def test_what_was_typed_is_let_go_when_it_has_done_its_work_and_photos_are_kept() -> None:
    application = handed_in()
    for check in CheckKind:
        application = told(application, reference(check), CheckResult.CONFIRMED, 20).application
    assert application.state is State.VERIFIED
    kept = {step.kind for step in application.steps if step.evidence is not None}
    assert kept == {FRONT, BACK, HELD}
    assert {step.masked for step in application.steps} == {"1****************X", "800x600", "****1008"}


@pytest.mark.parametrize(
    ("kinds", "level", "why"),
    [
        ((), Tier.I, "1 to 16"),
        ((NAME, *(CARD,) * 16), Tier.I, "1 to 16"),
        ((NAME, NAME), Tier.I, "only cards"),
        ((NAME, FRONT, FRONT), Tier.I, "only cards"),
        ((FRONT, CARD, CARD), Tier.I, "NAME_AND_NUMBER"),
        ((NAME,), Tier.II, "make tier I"),
        ((NAME, FRONT, BACK), Tier.II, "make tier I"),
        ((NAME, FRONT, CARD, CARD), Tier.III, "make tier II"),
    ],
)
def test_a_level_that_its_steps_do_not_reach_is_no_setting(
    kinds: tuple[StepKind, ...], level: Tier, why: str
) -> None:
    with pytest.raises(LevelUnreachable, match=why):
        check_level(kinds, level)


def test_levels_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert IdentitySettings().levels == LEVELS
    monkeypatch.setenv("HONGBAO_IDENTITY_LEVEL_2_STEPS", "NAME_AND_NUMBER, BANK_CARD, BANK_CARD")
    assert IdentitySettings().levels[Tier.II] == (NAME, CARD, CARD)
    for words in ("NAME_AND_NUMBER", "NAME_AND_NUMBER,PASSPORT"):
        monkeypatch.setenv("HONGBAO_IDENTITY_LEVEL_2_STEPS", words)
        with pytest.raises(ValueError, match=r"tier I|PASSPORT"):
            IdentitySettings()


def test_a_complete_application_has_evidence_everywhere() -> None:
    assert {step.state for step in complete(new(Tier.III)).steps} == {StepState.GIVEN}

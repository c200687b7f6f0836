from __future__ import annotations

import pytest

from services.identity.domain import errors
from services.identity.domain.guidance import advice
from services.mesh.language import Language

_STEPS = {"RESIDENT_ID_MALFORMED": ("length", "region", "birth_date", "checksum")}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("failure", errors.CheckFailed.__subclasses__())
def test_every_failed_check_says_what_to_do_next(
    failure: type[errors.CheckFailed], language: Language
) -> None:
    steps = _STEPS.get(failure.reason, ("any",))
    sentences = {advice(failure.reason, step)[language] for step in steps}
    assert all(sentences)
    assert len(sentences) == len(steps)


@pytest.mark.parametrize("language", Language)
def test_the_next_step_is_that_of_the_callers_language_and_all_languages_are_told(language: Language) -> None:
    error = errors.ResidentIdMalformed("checksum").with_case("K160207-7Q2M4KXA", language)
    assert error.metadata["next_step"] == error.localized[language]
    assert set(error.localized) == set(Language)

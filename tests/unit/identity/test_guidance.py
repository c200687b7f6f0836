from __future__ import annotations

import pytest

from services.identity.domain import errors
from services.identity.domain.guidance import Language, language_of, next_step


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", Language.CHINESE),
        ("en", Language.ENGLISH),
        ("en-GB,zh;q=0.5", Language.ENGLISH),
        ("fr, en;q=0.8", Language.ENGLISH),
        ("zh-CN", Language.CHINESE),
        ("fr", Language.CHINESE),
    ],
)
def test_people_are_answered_in_a_language_they_asked_for(header: str, language: Language) -> None:
    assert language_of(header) is language


_STEPS = {"RESIDENT_ID_MALFORMED": ("length", "region", "birth_date", "checksum")}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("failure", errors.CheckFailed.__subclasses__())
def test_every_failed_check_says_what_to_do_next(
    failure: type[errors.CheckFailed], language: Language
) -> None:
    sentences = {next_step(failure.reason, step, language) for step in _STEPS.get(failure.reason, ("any",))}
    assert all(sentences)
    assert len(sentences) == len(_STEPS.get(failure.reason, ("any",)))

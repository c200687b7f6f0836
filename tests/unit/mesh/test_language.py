from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mesh.language import Language, language_of, sentence

CHINESE, ENGLISH = Language.CHINESE, Language.ENGLISH


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", CHINESE),
        ("zh-CN", CHINESE),
        ("zh", CHINESE),
        ("zh-Hant-TW", CHINESE),
        ("en", ENGLISH),
        ("en-US", ENGLISH),
        ("EN-us", ENGLISH),
        ("fr", CHINESE),
        ("fr, en;q=0.8", ENGLISH),
        ("en-GB,zh;q=0.5", ENGLISH),
        ("en;q=0.3, zh;q=0.7", CHINESE),
        ("en;q=0.7, zh;q=0.3", ENGLISH),
        ("en;q=0", CHINESE),
        ("en ; q=1.000", ENGLISH),
        ("zh, en", CHINESE),
        ("en, zh", ENGLISH),
        ("*", CHINESE),
        ("enough", CHINESE),
        ("en;q=loud", CHINESE),
        (";;q=,,=;-,\x00", CHINESE),
        ("fr," * 16 + "en", CHINESE),  # So many preferences are not looked at.
        ("x" * 256 + ",en", CHINESE),  # So long a value neither.
    ],
)
def test_people_are_answered_in_the_language_they_like_best(header: str, language: Language) -> None:
    assert language_of(header) is language


@given(st.text(alphabet="enzh-;q=.01, *\t", max_size=300))
def test_no_preference_is_too_strange_to_be_answered(header: str) -> None:
    assert language_of(header) in Language


def test_a_sentence_is_found_by_language_and_by_tag() -> None:
    told = sentence("请先登录。", "Please log in first.")
    assert (
        (told[CHINESE], told[ENGLISH])
        == (told["zh-CN"], told["en"])
        == ("请先登录。", "Please log in first.")
    )

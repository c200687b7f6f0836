from __future__ import annotations

import pytest

from services.identity.domain import names
from services.identity.domain.errors import NameMalformed


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("王芳", "王芳"),
        (" 王小明 ", "王小明"),
        ("欧阳娜娜", "欧阳娜娜"),
        ("买买提·艾力", "买买提·艾力"),
        ("买买提•艾力", "买买提·艾力"),
        ("买买提・艾力", "买买提·艾力"),
        ("李〇", "李〇"),
        ("𠮷田", "𠮷田"),  # A character beyond the basic plane.
    ],
)
def test_a_name_has_one_spelling(typed: str, name: str) -> None:
    assert names.parse(typed).text == name


@pytest.mark.parametrize(
    ("typed", "step"),
    [
        ("", "length"),
        ("王", "length"),
        ("王" * 31, "length"),
        ("Wang Fang", "characters"),
        ("王 芳", "characters"),
        ("王芳1", "characters"),
        ("王\u200b芳", "characters"),
        ("王\x00芳", "characters"),
        ("王芳🧧", "characters"),
        ("·王芳", "dot"),
        ("王芳·", "dot"),
        ("买买提··艾力", "dot"),
    ],
)
def test_the_first_step_that_fails_is_named(typed: str, step: str) -> None:
    with pytest.raises(NameMalformed) as failure:
        names.parse(typed)
    assert failure.value.step == step


def test_a_name_does_not_show_in_logs() -> None:
    assert repr(names.parse("王小明")) == "PersonName(**明)"

"""Names as resident IDs carry them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from services.identity.domain.errors import NameMalformed

CHARACTERS_MIN: Final = 2
CHARACTERS_MAX: Final = 30
"""Names of minorities, written in Chinese characters, can be long; the card's field holds this many."""

DOT: Final = "\u00b7"
"""Joins the parts of a name of a minority: 买买提·艾力."""
# What keyboards offer in its place.
_OTHER_DOTS: Final = re.compile("[\u2022\u2027\u2219\u22c5\u30fb\uff0e\uff65]")
# Unified ideographs, extension A, the further planes, and the zero that some names hold.
_HAN: Final = "\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"
_CHARACTERS: Final = re.compile(f"[{_HAN}{DOT}]+")
_PARTS: Final = re.compile(f"[{_HAN}]+(?:{DOT}[{_HAN}]+)*")


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name in its one spelling. Its repr is masked, for logs."""

    text: str

    def __repr__(self) -> str:
        return f"PersonName({self.masked})"

    @property
    def masked(self) -> str:
        """All but the last character hidden: "**明". Empty once the name is erased."""
        return "*" * (len(self.text) - 1) + self.text[-1:]


def parse(text: str) -> PersonName:
    """Checks what someone typed; spaces around it and other keyboards' dots are forgiven.

    Raises `NameMalformed` with the first step that failed: `length` (2 to 30 characters), `characters`
    (Chinese ones and the dot), `dot` (between parts only).
    """
    name = _OTHER_DOTS.sub(DOT, unicodedata.normalize("NFC", text.strip()))
    if not CHARACTERS_MIN <= len(name) <= CHARACTERS_MAX:
        raise NameMalformed("length")
    if not _CHARACTERS.fullmatch(name):
        raise NameMalformed("characters")
    if not _PARTS.fullmatch(name):
        raise NameMalformed("dot")
    return PersonName(name)

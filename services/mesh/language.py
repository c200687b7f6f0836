"""The languages that people are answered in, and the choice between them."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

LANGUAGE_KEY: Final = "accept-language"
"""Metadata key of the languages that a person reads; its value is HTTP's Accept-Language (RFC 9110)."""
PREFERENCES_MAX: Final = 16
"""Preferences of one caller that are looked at; what follows them is not."""
PREFERENCES_CHARACTERS_MAX: Final = 256
"""As `PREFERENCES_MAX`, in characters."""


class Language(enum.StrEnum):
    """A language that people are answered in, by its tag (BCP 47)."""

    CHINESE = "zh-CN"
    ENGLISH = "en"


_SPOKEN: Final = {"zh": Language.CHINESE, "en": Language.ENGLISH}
_QUALITY: Final = re.compile(r"\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*")


def sentence(chinese: str, english: str) -> Mapping[str, str]:
    """One sentence in every language that people are answered in, by language tag."""
    return MappingProxyType({Language.CHINESE: chinese, Language.ENGLISH: english})


def accepted_languages(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """What the metadata of a call says about its caller's languages; empty when it says nothing."""
    return next((str(value) for key, value in metadata or () if key == LANGUAGE_KEY), "")


def language_of(accept_language: str) -> Language:
    """The language that is liked best among those spoken here; Chinese when that is none of them."""
    chosen, best = Language.CHINESE, 0.0
    for preference in accept_language[:PREFERENCES_CHARACTERS_MAX].lower().split(",")[:PREFERENCES_MAX]:
        tag, _, weight = preference.partition(";")
        language, quality = _SPOKEN.get(tag.strip().partition("-")[0]), _quality(weight)
        if language is not None and quality > best:
            chosen, best = language, quality
    return chosen


def _quality(weight: str) -> float:
    """How much a language is liked, 0 to 1; 0 where the weight cannot be read."""
    if not weight:
        return 1.0
    match = _QUALITY.fullmatch(weight)
    return float(match[1]) if match else 0.0

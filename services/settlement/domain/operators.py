"""Operators' names: four eyes are two people, however their names are typed."""

from __future__ import annotations

import unicodedata


def plain_name(operator: str) -> str:
    """One name, however it was typed: in wide letters, in capitals, with spaces or signs that nobody sees."""
    folded = unicodedata.normalize("NFKC", operator).casefold()
    return "".join(letter for letter in folded if letter.isprintable() and not letter.isspace())


def same_operator(one: str, other: str) -> bool:
    """Whether two names are of one operator."""
    return plain_name(one) == plain_name(other)

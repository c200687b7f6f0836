"""The language that a caller reads."""

from __future__ import annotations

from typing import Any

from services.mesh.language import Language, accepted_languages, language_of


def language_asked(context: Any) -> Language:
    """What the caller reads."""
    return language_of(accepted_languages(context.invocation_metadata()))

"""How much evidence makes which tier."""

from __future__ import annotations

from typing import Final

from services.identity.domain.people import Tier

REGISTRY_CHANNELS: Final = 1
"""The population registry, which has confirmed name and number of everybody who is verified."""

_CHANNELS_MIN: Final = ((5, Tier.III), (3, Tier.II), (1, Tier.I))
"""Outside channels that each tier needs, after the People's Bank's announcement No. 43 of 2015."""


def tier_of(banks: int, documents: int = 0) -> Tier:
    """The tier of a verified person whom so many banks have confirmed, each of them once.

    `documents` is 1 when the ID authority has confirmed photos of the person with the document, else 0.
    """
    channels = REGISTRY_CHANNELS + banks + documents
    return next(tier for channels_min, tier in _CHANNELS_MIN if channels >= channels_min)

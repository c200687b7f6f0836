"""The words of the game: its cards, what earns them, and the ids that rules speak of."""

from __future__ import annotations

import datetime as dt
import enum
from typing import NewType

CampaignId = NewType("CampaignId", str)
"""A campaign's slug; a campaign has at most one game."""
PersonId = NewType("PersonId", int)
"""A real-name person, above 0. All accounts of one person are one player."""
SponsorId = NewType("SponsorId", int)
"""Who pays a campaign, above 0."""


class Card(enum.IntEnum):
    """One of the five; numbers are those of the contract."""

    PATRIOTISM = 1
    PROSPERITY = 2
    HARMONY = 3
    FRIENDLINESS = 4
    DEDICATION = 5


class Source(enum.IntEnum):
    """What a person did to earn a card; numbers are those of the contract."""

    FRIEND = 1
    TAP = 2
    SHARE = 3
    SPONSOR = 4
    INVITATION = 5


class ShareMode(enum.IntEnum):
    """How the pool is shared among those who completed a set; numbers are those of the contract."""

    EQUAL = 1
    LUCKY = 2
    """By luck, 拼手气: a class from 1 to 199 for each person."""


CARDS = tuple(Card)
"""A set is one of each of these. Columns by card follow this order."""
SOURCES = tuple(Source)
"""Columns by source follow this order."""


def card_names(cards: tuple[Card, ...]) -> str:
    """Names for an error's metadata: "HARMONY,DEDICATION"."""
    return ",".join(card.name for card in cards)


def moment(time_ms: int) -> str:
    """A time for an error's metadata, such as "2016-02-07T12:00:00.000Z"; `time_ms` since the Unix epoch."""
    seconds, milliseconds = divmod(time_ms, 1000)
    day = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{day:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"

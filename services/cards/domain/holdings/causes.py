"""Why a card moved into a hand or out of one: what a person's history tells."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from services.cards.domain.vocabulary import PersonId


class MovementKind(enum.IntEnum):
    """What happened to a card; numbers are those of the contract."""

    DEALT = 1
    """In, out of the supply."""
    OFFERED = 2
    """Out: a gift that was offered to the other person."""
    RETURNED = 3
    """In: it was offered to the other person, who does not have it now."""
    RECEIVED = 4
    """In: a gift of the other person."""
    ANSWERED = 5
    """Out: the other person had asked for it."""
    GRANTED = 6
    """In: the other person gave it because they were asked."""
    SPENT = 7
    """Out: one of each card, for a set."""
    UNSPENT = 8
    """In: one of each card, because a set was undone."""
    MERGED_AWAY = 9
    """Out: all cards of an account that turned out to be the other person's."""
    MERGED_IN = 10
    """In: cards of another account of the same person, named as the other person."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why cards moved; one for all that move by the same record for the same reason."""

    kind: MovementKind
    time_ms: int
    """When, as the record tells it; milliseconds since the Unix epoch."""
    seq: int
    """The journal record that moved them."""
    other_person_id: PersonId | None = None
    """Who had the card before, or has it after; None where nobody else has to do with it."""

"""What becomes known about people, as other services hear of it: the words of the feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.identity.domain.people import CardId, PersonId, Tier


@dataclass(frozen=True, slots=True)
class PersonVerified:
    """A real person stands behind a person_id from now on."""

    person_id: PersonId
    tier: Tier


@dataclass(frozen=True, slots=True)
class TierChanged:
    """There is more evidence behind a verified person."""

    person_id: PersonId
    tier: Tier


@dataclass(frozen=True, slots=True)
class PersonsMerged:
    """A provisional person turned out to be somebody who was known already."""

    person_id: PersonId
    """The provisional one: the event belongs to its shard, where its money is."""
    into_person_id: PersonId


@dataclass(frozen=True, slots=True)
class CardBound:
    """A bank card became a person's."""

    person_id: PersonId
    card_id: CardId
    number_masked: str
    """Such as "****1234"."""
    bank_name: str


@dataclass(frozen=True, slots=True)
class CardUnbound:
    """A bank card is not the person's any more."""

    person_id: PersonId
    card_id: CardId


@dataclass(frozen=True, slots=True)
class PersonErased:
    """A person's data was erased at their request; whoever keeps what they wrote erases it, too."""

    person_id: PersonId


PersonEvent = PersonVerified | TierChanged | PersonsMerged | CardBound | CardUnbound | PersonErased
"""Every kind has a `person_id`, whose shard it belongs to."""


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event at its place in the feed."""

    seq: int
    """From 1, without gaps."""
    time_ms: int
    trace_context: str
    event: PersonEvent


@dataclass(frozen=True, slots=True)
class FeedStretch:
    """What one look into the feed finds."""

    last_seq: int
    """Everything up to here was looked at; the same as what was asked for when there is nothing new."""
    events: Sequence[NumberedEvent]
    """Those about people of the shard asked for, in order; the numbers between belong to others."""

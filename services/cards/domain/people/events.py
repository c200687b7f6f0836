"""What happens to persons who turn out to be others: records of a shard's journal, as the rules see them."""

from __future__ import annotations

from dataclasses import dataclass

from services.cards.domain.vocabulary import CampaignId, PersonId


@dataclass(frozen=True, slots=True)
class Merge:
    """A person of this shard turned out to be another one, who was known already."""

    person_id: PersonId
    """Provisional, and merged once."""
    into_person_id: PersonId
    """Verified, and never merged."""


@dataclass(frozen=True, slots=True)
class PersonsMerged:
    """Persons of this shard are others from now on."""

    merges: tuple[Merge, ...]


@dataclass(frozen=True, slots=True)
class MovedHand:
    """What one merged person had in one game."""

    campaign_id: CampaignId
    from_person_id: PersonId
    to_person_id: PersonId
    to_shard: int
    cards: tuple[int, ...]
    """Copies of each card; all may be 0."""
    completed_at_ms: int = 0
    """When they completed a set that counts where they were; 0 if they have not, or if it was told before."""
    luck_class: int = 0
    """Of that set; 0 with equal shares."""


@dataclass(frozen=True, slots=True)
class HandsMoved:
    """Hands of merged persons went to the persons that they are."""

    hands: tuple[MovedHand, ...]


@dataclass(frozen=True, slots=True)
class ArrivedHand:
    """A hand from another shard."""

    hand: MovedHand
    sent_seq: int
    """The record in the other shard's journal."""
    is_second_set: bool
    """Whether the set that it tells of is one too many."""


@dataclass(frozen=True, slots=True)
class HandsArrived:
    """Hands of merged persons of another shard reached the persons that they are."""

    hands: tuple[ArrivedHand, ...]

"""What can happen to the supply of a game, at its home shard and at the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.cards.domain.vocabulary import CARDS, SOURCES, CampaignId, Source

NO_CARDS = (0,) * len(CARDS)
NO_DEALS = (0,) * len(SOURCES)
FIRST_SOURCES = 4
"""As many as there were at first: what was written then has no more, and neither has what needs no more."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One lease: a deck of cards, and the right to deal from sources."""

    lease_no: int
    """Each shard counts from 1, without gaps; 0 for a shard that has none yet."""
    cards: tuple[int, ...]
    """In the deck, by card; all 0 when only rights to deal were granted."""
    deals: tuple[int, ...]
    """Further cards that may be dealt, by source."""


NO_GRANT = Grant(0, NO_CARDS, NO_DEALS)


@dataclass(frozen=True, slots=True)
class ShardSupply:
    """What a shard did with all that came to it: cumulative, so that it never goes down."""

    returned: tuple[int, ...] = NO_CARDS
    """Cards given back, by card."""
    returned_deals: tuple[int, ...] = NO_DEALS
    """Rights to deal given back, by source."""
    dealt: tuple[int, ...] = NO_DEALS
    """Cards dealt, by source."""

    def latest(self, other: ShardSupply) -> ShardSupply:
        """The later of two reports in each count: messages may be late."""
        return ShardSupply(
            _most(self.returned, other.returned),
            _most(self.returned_deals, other.returned_deals),
            _most(self.dealt, other.dealt),
        )


@dataclass(frozen=True, slots=True)
class SupplyGranted:
    """At home: a lease was taken out of what the game may issue."""

    campaign_id: CampaignId
    shard: int
    grant: Grant
    supply: ShardSupply
    """What the shard told when it asked."""
    carry: tuple[int, ...]
    """By card, what decks up to this one fell short of their share: see `compose.Deck`."""


@dataclass(frozen=True, slots=True)
class SupplyReported:
    """At home: a shard told what it dealt and gave back, and was granted nothing."""

    campaign_id: CampaignId
    shard: int
    supply: ShardSupply


@dataclass(frozen=True, slots=True)
class DeckReceived:
    """At a shard: it may deal what it was granted."""

    campaign_id: CampaignId
    grant: Grant


@dataclass(frozen=True, slots=True)
class SupplyReturned:
    """At a shard: what is left of all its decks, or rights to deal, or both, are no longer its own."""

    campaign_id: CampaignId
    cards: tuple[int, ...]
    """All that is left of the open decks, by card; all 0 when they stay."""
    deals: tuple[int, ...]
    """By source."""


@dataclass(frozen=True, slots=True)
class SupplyEnded:
    """At a shard: home's last word on what is dealt to the last card, on all shards together."""

    campaign_id: CampaignId
    is_supply_ended: bool
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class SealedSupply:
    """A shard's books at its seal: leased = issued + returned. What was left counts as returned."""

    lease_no: int
    leased: tuple[int, ...]
    supply: ShardSupply


NO_LEASES = SealedSupply(0, NO_CARDS, ShardSupply())
"""Of a shard that nothing ever came to."""


@dataclass(frozen=True, slots=True)
class SupplyClosed:
    """At home, after all seals: for each card, these four add up to its limit."""

    campaign_id: CampaignId
    issued: tuple[int, ...]
    returned: tuple[int, ...]
    """What shards gave back and home had not heard of before the seals."""
    granted_in_vain: tuple[int, ...]
    """In leases that never reached their shard."""
    never_granted: tuple[int, ...]
    """At home at the end."""


def source_column(counts: Sequence[int]) -> Sequence[int]:
    """Counts by source as they are written: those of later sources only when there is anything."""
    length = len(counts)
    while length > FIRST_SOURCES and not counts[length - 1]:
        length -= 1
    return counts[:length]


def by_source(column: Sequence[int]) -> tuple[int, ...]:
    """The inverse: what is not written is 0."""
    return (*column, *NO_DEALS[len(column) :])


def add(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Sums, place by place."""
    return tuple(a + b for a, b in zip(one, other, strict=True))


def subtract(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Differences, place by place."""
    return tuple(a - b for a, b in zip(one, other, strict=True))


def _most(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(max(a, b) for a, b in zip(one, other, strict=True))

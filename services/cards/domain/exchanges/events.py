"""What can happen to exchanges: records of a shard's journal as the rules see them, in equal columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.cards.domain.exchanges.machine import ExchangeKind
from services.cards.domain.vocabulary import CampaignId


@dataclass(frozen=True, slots=True)
class ExchangesOpened:
    """Gifts were offered, or cards asked for, all at the same moment."""

    campaign_id: CampaignId
    kind: ExchangeKind
    opened_at_ms: int
    expires_at_ms: int
    """The first millisecond in which they can only have expired."""
    giver_ids: Sequence[int]
    receiver_ids: Sequence[int]
    cards: Sequence[int]
    request_ids: bytes
    """16 bytes each, end to end."""
    receiver_shards: Sequence[int] = ()
    """None in what another shard follows: there they are all its own."""


@dataclass(frozen=True, slots=True)
class ExchangesEnded:
    """Exchanges came to their ends, all at the same moment."""

    campaign_id: CampaignId
    ended_at_ms: int
    kinds: Sequence[int]
    giver_ids: Sequence[int]
    receiver_ids: Sequence[int]
    cards: Sequence[int]
    request_ids: bytes
    """16 bytes each, end to end."""
    states: Sequence[int]
    receiver_shards: Sequence[int] = ()
    """As with `ExchangesOpened`."""


@dataclass(frozen=True, slots=True)
class FollowedPart:
    """What concerns this shard of one record of another."""

    source_seq: int
    """The record's number there."""
    part: ExchangesOpened | ExchangesEnded


@dataclass(frozen=True, slots=True)
class ExchangesFollowed:
    """Another shard's exchanges with people of this one, and the cards that arrive with them."""

    parts: tuple[FollowedPart, ...]

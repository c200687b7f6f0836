"""How a game goes: where its cards are, and what a share of the pool may come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.cards.domain.events import GameOrder, PoolDecided
from services.cards.domain.vocabulary import CARDS, SOURCES, Card, Source


@dataclass(frozen=True, slots=True)
class ShardFigures:
    """What one shard says of its part of a game; tuples are by card, or by source."""

    issued: tuple[int, ...]
    held: tuple[int, ...]
    offered: tuple[int, ...]
    spent: tuple[int, ...]
    dealt_by_source: tuple[int, ...]
    holder_count: int
    sets_completed: int
    sets_recent: int
    """Sets of the last `recent_ms`."""
    recent_ms: int


@dataclass(frozen=True, slots=True)
class CardPlaces:
    """Where the copies of one card are, over all shards."""

    card: Card
    issue_limit: int
    issued: int
    held: int
    offered: int
    spent: int

    @property
    def left(self) -> int:
        """What may still be issued."""
        return self.issue_limit - self.issued

    @property
    def in_transit(self) -> int:
        """Between two shards: sent and not received. Below 0 when a receiver was asked after its sender."""
        return self.issued - self.held - self.offered - self.spent


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What one source has dealt, over all shards."""

    source: Source
    card_quota: int
    dealt: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many sets there may be at the deadline."""

    pool_fen: int
    sets_completed: int
    """If nobody completes one any more."""
    sets_expected: int
    """If it goes on as it did lately."""
    sets_max: int
    """As many as the scarcest card allows."""

    def share_fen(self, sets: int) -> int:
        """What each of so many sets is worth, on the average with lucky shares; the whole pool for none."""
        return self.pool_fen // sets if sets else self.pool_fen


@dataclass(frozen=True, slots=True)
class GameFigures:
    """A game over all shards, which were asked moments apart."""

    read_at_ms: int
    cards: tuple[CardPlaces, ...]
    sources: tuple[SourceFigures, ...]
    holder_count: int
    sets_completed: int
    sets_recent: int
    """Sets of the last `recent_ms`."""
    recent_ms: int
    forecast: Forecast
    decision: PoolDecided | None
    """As soon as the home shard has it, durably."""


def gather_figures(
    order: GameOrder, decision: PoolDecided | None, parts: Sequence[ShardFigures], now_ms: int
) -> GameFigures:
    """Adds up what the shards said, one part for each."""
    cards = tuple(
        CardPlaces(
            card,
            order.supply.limits[index],
            sum(part.issued[index] for part in parts),
            sum(part.held[index] for part in parts),
            sum(part.offered[index] for part in parts),
            sum(part.spent[index] for part in parts),
        )
        for index, card in enumerate(CARDS)
    )
    sources = tuple(
        SourceFigures(source, order.supply.quotas[index], sum(part.dealt_by_source[index] for part in parts))
        for index, source in enumerate(SOURCES)
    )
    sets_completed = sum(part.sets_completed for part in parts)
    sets_recent = sum(part.sets_recent for part in parts)
    recent_ms = max(1, min(max(part.recent_ms for part in parts), now_ms - order.opens_at_ms))
    return GameFigures(
        read_at_ms=now_ms,
        cards=cards,
        sources=sources,
        holder_count=sum(part.holder_count for part in parts),
        sets_completed=sets_completed,
        sets_recent=sets_recent,
        recent_ms=recent_ms,
        forecast=forecast(order, cards, sources, sets_completed, sets_recent, recent_ms, now_ms),
        decision=decision,
    )


def forecast(
    order: GameOrder,
    cards: Sequence[CardPlaces],
    sources: Sequence[SourceFigures],
    sets_completed: int,
    sets_recent: int,
    recent_ms: int,
    now_ms: int,
) -> Forecast:
    """How many sets there may be, by what is issued, what may still be, and how it went lately."""
    ahead_ms = order.deadline_ms - max(now_ms, order.opens_at_ms)
    if ahead_ms <= 0:
        return Forecast(order.pool_fen, sets_completed, sets_completed, sets_completed)
    deals_left = sum(source.card_quota - source.dealt for source in sources)
    sets_max = min(place.issued + min(place.left, deals_left) for place in cards)
    # A set that was completed between two looks at its shard may not be in the count of its cards yet.
    sets_max = max(sets_max, sets_completed)
    more = sets_recent * ahead_ms // recent_ms
    return Forecast(order.pool_fen, sets_completed, min(sets_max, sets_completed + more), sets_max)

"""What can happen to cards: the records of a shard's journal, as the rules see them.

The contract's `events.proto` says what each means; these are the same without the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesFollowed, ExchangesOpened
from services.cards.domain.flows.limits import LEFT_TO_SERVICE, ExchangeLimits
from services.cards.domain.people.events import HandsArrived, HandsMoved, PersonsMerged
from services.cards.domain.supply.grants import (
    NO_LEASES,
    DeckReceived,
    SealedSupply,
    SupplyClosed,
    SupplyEnded,
    SupplyGranted,
    SupplyReported,
    SupplyReturned,
)
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CampaignId, PersonId, ShareMode, Source, SponsorId


@dataclass(frozen=True, slots=True)
class GameOrder:
    """The game that an operator asked for."""

    campaign_id: CampaignId
    sponsor_id: SponsorId
    pool_fen: int
    supply: SupplyPlan
    """Of the whole game."""
    opens_at_ms: int
    """Milliseconds since the Unix epoch, as all times here."""
    deadline_ms: int
    """The first millisecond in which nothing is dealt, given or completed any more."""
    winnings_wait_until_at_ms: int = 0
    """Until when shares of the pool wait for people who are not verified; 0 leaves that to settlement."""
    share_mode: ShareMode = ShareMode.EQUAL
    deals_per_day_max: int = 0
    """Most cards that a person is dealt in a day of Beijing; 0 for no limit."""
    exchange_limits: ExchangeLimits = LEFT_TO_SERVICE

    @property
    def pool_hold_id(self) -> str:
        """The hold of the pool in settlement."""
        return f"{self.campaign_id}.pool"


@dataclass(frozen=True, slots=True)
class GameCreated:
    """A game was put on record at its home shard, which asks for its pool from then on."""

    order: GameOrder
    seed: bytes
    """Secret until the pool is decided."""
    shard_count: int


@dataclass(frozen=True, slots=True)
class GameFunded:
    """Settlement holds the pool."""

    campaign_id: CampaignId


@dataclass(frozen=True, slots=True)
class GameRefused:
    """Settlement does not hold the pool: the campaign has no game."""

    campaign_id: CampaignId


@dataclass(frozen=True, slots=True)
class GamePrepared:
    """A shard got its part of a game."""

    campaign_id: CampaignId
    shard: int
    supply: SupplyPlan
    """Of the whole game; the shard issues what it leases."""
    opens_at_ms: int
    deadline_ms: int
    draw_key: bytes
    """Secret until the pool is decided."""
    share_mode: ShareMode = ShareMode.EQUAL
    luck_key: bytes = b""
    """Of the luck of all persons, secret until the pool is decided; empty with equal shares."""
    deals_per_day_max: int = 0
    """Most cards that a person is dealt in a day of Beijing; 0 for no limit."""
    exchange_limits: ExchangeLimits = LEFT_TO_SERVICE


@dataclass(frozen=True, slots=True)
class Deal:
    """Cards of one game that one batch issued, in columns of equal length."""

    campaign_id: CampaignId
    source: Source
    first_draw_index: int
    person_ids: Sequence[int]
    cards: Sequence[int]
    source_keys: Sequence[str]
    """One element when the same key earned them all."""
    dealt_at_ms: int = 0
    """By the clock that judged the deadline and the daily limit."""


@dataclass(frozen=True, slots=True)
class CardsDealt:
    """Cards went from the supply into hands."""

    deals: tuple[Deal, ...]


@dataclass(frozen=True, slots=True)
class SetsCompleted:
    """Persons spent one of each card, in columns of equal length."""

    campaign_id: CampaignId
    person_ids: Sequence[int]
    completed_at_ms: Sequence[int]
    luck_classes: bytes = b""
    """One byte from 1 to 199 for each; empty with equal shares."""


@dataclass(frozen=True, slots=True)
class SetUndone:
    """A person's set does not count, and its cards are in their hand again."""

    campaign_id: CampaignId
    person_id: PersonId


@dataclass(frozen=True, slots=True)
class ShardSealed:
    """The deadline passed on a shard: its count of sets is final."""

    campaign_id: CampaignId
    shard: int
    sets_completed: int
    issued: tuple[int, ...]
    """By card."""
    sealed_at_ms: int
    sets_by_luck: tuple[int, ...] = ()
    """For each class from 1 to 199; empty with equal shares."""
    supply: SealedSupply = NO_LEASES
    """The shard's books."""


@dataclass(frozen=True, slots=True)
class PoolDecided:
    """The pool was shared out."""

    campaign_id: CampaignId
    sponsor_id: SponsorId
    pool_hold_id: str
    pool_fen: int
    share_fen: int
    """Of each set, fen; 0 with lucky shares."""
    remainder_fen: int
    sets_by_shard: tuple[int, ...]
    seed: bytes
    share_mode: ShareMode = ShareMode.EQUAL
    sets_by_luck: tuple[int, ...] = ()
    """On all shards, for each class from 1 to 199; empty with equal shares, as what follows."""
    luck_shares_fen: tuple[int, ...] = ()
    """What a set of each class is worth."""
    shard_shares_fen: tuple[int, ...] = ()
    """What the sets of each shard are worth together."""

    @property
    def shares_fen(self) -> int:
        """What all sets are worth together."""
        if self.share_mode is ShareMode.LUCKY:
            return sum(self.shard_shares_fen)
        return self.share_fen * sum(self.sets_by_shard)

    def share_of(self, luck_class: int) -> int:
        """What one set is worth, fen; the class counts with lucky shares only."""
        if self.share_mode is ShareMode.LUCKY:
            return self.luck_shares_fen[luck_class - 1]
        return self.share_fen


@dataclass(frozen=True, slots=True)
class FeedSkipped:
    """Only the position in a feed moved."""


Event = (
    GameCreated
    | GameFunded
    | GameRefused
    | GamePrepared
    | CardsDealt
    | ExchangesOpened
    | ExchangesEnded
    | ExchangesFollowed
    | SetsCompleted
    | SetUndone
    | ShardSealed
    | PoolDecided
    | SupplyGranted
    | SupplyReported
    | DeckReceived
    | SupplyReturned
    | SupplyEnded
    | SupplyClosed
    | PersonsMerged
    | HandsMoved
    | HandsArrived
    | FeedSkipped
)


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """How far another shard's feed is applied."""

    source: str
    """`<service>/<shard>`."""
    source_seq: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a change is on record."""

    seq: int
    """Its number in the shard's journal."""
    time_ms: int
    """When it was decided, by the journal's clock; milliseconds since the Unix epoch."""


UNRECORDED = Recorded(0, 0)
"""Of changes that are folded without a journal."""


@dataclass(frozen=True, slots=True)
class Change:
    """One journal record: an event, and the feed position that becomes durable with it."""

    event: Event
    position: FeedPosition | None = None

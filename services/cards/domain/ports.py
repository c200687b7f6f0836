"""What the game needs of the world around it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from services.cards.domain.events import (
    Change,
    GameCreated,
    GameOrder,
    GamePrepared,
    PoolDecided,
    ShardSealed,
)
from services.cards.domain.exchanges.ending import Named
from services.cards.domain.exchanges.machine import ExchangeAction
from services.cards.domain.exchanges.opening import Wish
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.sets.figures import GameFigures, ShardFigures
from services.cards.domain.sets.sets import Completion
from services.cards.domain.shard import CardsShard
from services.cards.domain.vocabulary import CampaignId, PersonId, Source
from services.mesh.errors import ServiceError


class OwnedShard(Protocol):
    """A shard that this process owns: decide against `state`, commit, answer when it is durable."""

    @property
    def state(self) -> CardsShard:
        """What is decided so far, durable or not."""
        ...

    def commit(self, change: Change) -> Awaitable[int]:
        """Makes a change take effect at once; awaiting it waits until it is durable."""
        ...

    async def settled(self) -> None:
        """Waits until everything decided so far is durable."""
        ...


class Funds(Protocol):
    """Money, which is settlement's."""

    async def hold_pool(self, order: GameOrder) -> None:
        """Sets the pool aside, once per campaign. Raises settlement's errors, such as FUNDS_INSUFFICIENT.

        Any other error says nothing about whether the pool was set aside.
        """
        ...


class Friendships(Protocol):
    """Relations, which are social's."""

    async def are_friends(self, pairs: Sequence[tuple[PersonId, PersonId]]) -> Sequence[bool]:
        """Whether the two of each pair are friends now; at most 1,024 pairs."""
        ...


class Givers(Protocol):
    """The shards that decide about exchanges, asked by those of the receivers. Every call may be repeated."""

    async def open_ask(self, shard: int, campaign_id: CampaignId, wish: Wish) -> Exchange:
        """Puts an ask on record at the shard of the friend. Raises what stands against it."""
        ...

    async def end(
        self,
        campaign_id: CampaignId,
        action: ExchangeAction,
        batches: Mapping[int, Sequence[Named]],
        *,
        is_shown: bool,
    ) -> Mapping[int, Sequence[Exchange | ServiceError | None]]:
        """Does one thing with exchanges of several shards at the same time; to each its own result.

        Where it is done the result is the exchange, or None if it need not be shown. Where a shard does not
        answer, that is the result of all of its items.
        """
        ...


class Completing(Protocol):
    """Completions of single persons, of which many may share a record."""

    async def complete(self, shard: OwnedShard, campaign_id: CampaignId, person_id: PersonId) -> Completion:
        """Spends a set, durably; the same completion again whenever asked.

        Raises `GameUnknown`, `GameNotOpen`, `DeadlinePassed`, `SetIncomplete`.
        """
        ...


class FiguresSource(Protocol):
    """How games go, known as of a moment ago."""

    async def figures(self, home: OwnedShard, game: GameCreated) -> GameFigures:
        """Asks all shards, or nobody when that was done a moment ago. Raises `GameUnknown`."""
        ...


class Supplies(Protocol):
    """Cards from games' home shards, which come by themselves as long as there are any."""

    async def more(self, shard: OwnedShard, campaign_id: CampaignId, source: Source, count: int) -> bool:
        """Waits until so many cards are there, not for long. Whether any came."""
        ...

    def dealt(self, shard: OwnedShard, campaign_id: CampaignId) -> None:
        """Tells that there are fewer than before."""
        ...

    def retry_after_ms(self, shard: OwnedShard, campaign_id: CampaignId, source: Source) -> int:
        """When asking again makes sense for who found nothing, milliseconds."""
        ...


class OwnedShards(Protocol):
    """The shards that this process owns."""

    @property
    def shard_count(self) -> int:
        """Shards are numbered from 0 to this, exclusively, here and elsewhere."""
        ...

    def owned(self, shard: int) -> OwnedShard:
        """The shard. Raises the mesh's `ShardNotOwned`."""
        ...


class Peers(Protocol):
    """All shards of the card game, wherever their owners are, asked at the same time.

    Every call may be repeated. One that raises may have reached some shards.
    """

    async def prepare(self, parts: Sequence[GamePrepared]) -> None:
        """Gives each shard its part of a game."""
        ...

    async def seal(self, campaign_id: CampaignId, shards: Sequence[int]) -> Sequence[ShardSealed]:
        """Fixes the shards' counts. Raises `DeadlineNotReached` by any shard's own clock."""
        ...

    async def finish(self, shards: Sequence[int], decision: PoolDecided) -> None:
        """Tells the shards how the pool is shared."""
        ...

    async def figures(self, campaign_id: CampaignId, shards: Sequence[int]) -> Sequence[ShardFigures]:
        """What each shard has issued and completed so far."""
        ...

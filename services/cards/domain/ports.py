"""What the game needs of the world around it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from services.cards.domain.events import (
    Change,
    GameCreated,
    GameOrder,
    GamePrepared,
    PoolDecided,
    ShardSealed,
)
from services.cards.domain.sets.figures import GameFigures, ShardFigures
from services.cards.domain.sets.sets import Completion
from services.cards.domain.shard import CardsShard
from services.cards.domain.vocabulary import CampaignId, PersonId


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

    async def are_friends(self, one: PersonId, other: PersonId) -> bool:
        """Whether the two are friends now."""
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

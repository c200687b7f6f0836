"""Calls that find the owner of a shard, and find it again when it has moved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.mesh.clock import Clock, SystemClock
from services.mesh.shards.map import ShardMap, ShardOwner

T = TypeVar("T")


class ShardRouter:
    """Sends a call to the owner of a shard and retries inside the deadline while ownership moves."""

    def __init__(
        self,
        shard_map: ShardMap,
        *,
        clock: Clock | None = None,
        backoff_ms_min: int = 10,
        backoff_ms_max: int = 500,
    ) -> None:
        self.map = shard_map
        self._clock = clock or SystemClock()
        self._backoff_ms_min = backoff_ms_min
        self._backoff_ms_max = backoff_ms_max

    async def call(self, shard: int, attempt: Callable[[str, float], Awaitable[T]], deadline_s: float) -> T:
        """Runs `attempt(address, timeout_s)` at the shard's owner; `deadline_s` is seconds from now.

        Tries again, after the map has changed or a backoff has passed, when the attempt raises a
        `ServiceError` with reason SHARD_NOT_OWNED or kind UNAVAILABLE. Other errors pass at once. When the
        deadline leaves no room, the last such error is raised, or `NoOwner` when nobody was there to ask.
        So an attempt may run more than once: it must be idempotent.
        """
        raise NotImplementedError

    async def owner(self, shard: int, timeout_s: float) -> ShardOwner:
        """Waits for the shard to have an owner: for streams, which then watch `moved`. Raises `NoOwner`."""
        raise NotImplementedError

    async def moved(self, shard: int, owner: ShardOwner) -> None:
        """Returns when the shard is no longer held by that owner under that epoch."""
        raise NotImplementedError

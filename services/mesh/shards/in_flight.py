"""Calls under way at owners of shards, so that nobody waits for an owner that is the owner no more."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

from services.mesh.shards.errors import ShardLost
from services.mesh.shards.map import ShardMap, ShardOwner


class InFlight:
    """All calls of one router. An owner that was frozen answers nothing, and breaks no connection either."""

    def __init__(self, shard_map: ShardMap) -> None:
        self._map = shard_map
        # In the order of their beginning, which is the order in which they are called back.
        self._calls: defaultdict[int, dict[Attempt, None]] = defaultdict(dict)
        shard_map.subscribe(self._changed)

    def attempt(self, shard: int, owner: ShardOwner) -> Attempt:
        """A context for one attempt at an owner.

        As soon as the shard has another owner the attempt is cancelled, and the context raises `ShardLost`:
        whether it was carried out, nobody can tell, and asking the new owner will.
        """
        return Attempt(self._calls[shard], owner, shard)

    def _changed(self, shard: int) -> None:
        owner = self._map.owner(shard)
        # Between two owners the answer of the one before may still be on its way.
        if owner is None:
            return
        for attempt in self._calls[shard]:
            if attempt.owner != owner:
                attempt.abandon()


class Attempt:
    """One call under way. It costs no task and no timer: whoever waits for the answer is called back."""

    __slots__ = ("_is_abandoned", "_others", "_shard", "_task", "owner")

    def __init__(self, others: dict[Attempt, None], owner: ShardOwner, shard: int) -> None:
        self.owner = owner
        self._shard = shard
        self._others = others
        self._task: asyncio.Task[Any] | None = None
        self._is_abandoned = False

    def abandon(self) -> None:
        """Calls the waiting task back."""
        if not self._is_abandoned and self._task is not None:
            self._is_abandoned = True
            self._task.cancel()

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._others[self] = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._others.pop(self, None)
        # Whoever cancelled the task as well wins: then the cancellation passes on.
        if (
            self._is_abandoned
            and self._task is not None
            and not self._task.uncancel()
            and (kind is not None and issubclass(kind, asyncio.CancelledError))
        ):
            raise ShardLost(
                f"shard {self._shard} has gone to another owner meanwhile",
                shard=self._shard,
                epoch=self.owner.epoch,
            ) from None

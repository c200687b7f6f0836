"""Calls that find the owner of a shard, and find it again when it has moved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.mesh.backoff import Backoff
from services.mesh.clock import Clock, SystemClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.interceptors.deadline import DeadlineTooShort
from services.mesh.shards.errors import ShardNotOwned
from services.mesh.shards.in_flight import InFlight
from services.mesh.shards.map import NoOwner, ShardMap, ShardOwner
from services.mesh.shards.waiting import wait_at_most

T = TypeVar("T")


class ShardRouter:
    """Sends a call to the owner of a shard and retries inside the deadline while ownership moves."""

    def __init__(
        self,
        shard_map: ShardMap,
        *,
        clock: Clock | None = None,
        backoff_ms_min: int = 10,
        backoff_ms_max: int = 250,
        attempt_ms_min: int = 5,
    ) -> None:
        """Wires a router.

        Args:
            shard_map: where owners are looked up; it stays open longer than this.
            clock: by which deadlines are kept and pauses made.
            backoff_ms_min: shortest pause before an owner is asked again, milliseconds.
            backoff_ms_max: longest such pause, milliseconds.
            attempt_ms_min: no attempt is made with less time left, milliseconds: it would be refused.
        """
        self.map = shard_map
        self._in_flight = InFlight(shard_map)
        self._clock = clock or SystemClock()
        self._backoff_ms_min = backoff_ms_min
        self._backoff_ms_max = backoff_ms_max
        self._attempt_s_min = attempt_ms_min / 1000

    async def call(self, shard: int, attempt: Callable[[str, float], Awaitable[T]], deadline_s: float) -> T:
        """Runs `attempt(address, timeout_s)` at the shard's owner; `deadline_s` is seconds from now.

        Tries again, after the map has changed or a backoff has passed, when the attempt raises a
        `ServiceError` with reason SHARD_NOT_OWNED or kind UNAVAILABLE. Other errors pass at once. When the
        deadline leaves no room, the last such error is raised, or `NoOwner` when nobody was there to ask or
        whoever was asked did not hold the shard. So an attempt may run more than once: it must be idempotent.
        The attempt itself keeps to `timeout_s`, and is cancelled when the shard gets another owner meanwhile:
        one that is frozen does not use up the deadline. An owner that refuses a later attempt for want of
        time has not said what became of the one before, so then the earlier error is raised.
        """
        ends_s = self._clock.monotonic_s() + deadline_s
        backoff: Backoff | None = None
        earlier: ServiceError | None = None
        while True:
            # Read before the owner: a change in between must not be waited for.
            version = self.map.version
            owner = self.map.owner(shard)
            try:
                if owner is None:
                    raise self._no_owner(shard)
                with self._in_flight.attempt(shard, owner):
                    return await attempt(owner.address, ends_s - self._clock.monotonic_s())
            except ServiceError as error:
                if earlier is not None and error.reason == DeadlineTooShort.reason:
                    raise self._last_word(shard, earlier) from error
                if not is_worth_a_retry(error):
                    raise
                earlier = error
                backoff = backoff or Backoff(self._backoff_ms_min, self._backoff_ms_max)
                pause_s = backoff.next_s()
                # Without an owner nothing but a change of the map can help.
                remaining_s = ends_s - self._clock.monotonic_s()
                patience_s = remaining_s if owner is None else min(pause_s, remaining_s)
                await wait_at_most(self.map.changed(version), patience_s, self._clock)
                if ends_s - self._clock.monotonic_s() >= self._attempt_s_min:
                    continue
                raise self._last_word(shard, error) from None

    async def owner(self, shard: int, timeout_s: float) -> ShardOwner:
        """Waits for the shard to have an owner: for streams, which then watch `moved`. Raises `NoOwner`."""
        ends_s = self._clock.monotonic_s() + timeout_s
        while True:
            version = self.map.version
            owner = self.map.owner(shard)
            if owner is not None:
                return owner
            remaining_s = ends_s - self._clock.monotonic_s()
            if remaining_s <= 0:
                raise self._no_owner(shard)
            await wait_at_most(self.map.changed(version), remaining_s, self._clock)

    async def moved(self, shard: int, owner: ShardOwner) -> None:
        """Returns when the shard is no longer held by that owner under that epoch."""
        while True:
            version = self.map.version
            if self.map.owner(shard) != owner:
                return
            await self.map.changed(version)

    def _last_word(self, shard: int, error: ServiceError) -> ServiceError:
        if error.reason == ShardNotOwned.reason:
            # Callers further away know of no owners: for them it is worth another try, no refusal.
            return self._no_owner(shard)
        return error

    def _no_owner(self, shard: int) -> NoOwner:
        return NoOwner(
            f"{self.map.service} shard {shard} has no owner at the moment",
            service=self.map.service,
            shard=shard,
        )


def is_worth_a_retry(error: ServiceError) -> bool:
    """Whether the owner may have moved, or may be about to."""
    return error.reason == ShardNotOwned.reason or error.kind is ErrorKind.UNAVAILABLE

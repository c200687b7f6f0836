"""Who owns which shard, as everybody has heard: each process its own copy, and each hears at its own time."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.shards.map import ShardOwner, StaticShardMap

LAG_S_MEAN = 0.15
LAG_S_MAX = 1.5


@dataclass(eq=False, slots=True)
class Copy:
    """What one process has heard."""

    maps: dict[str, StaticShardMap]
    editions: dict[tuple[str, int], int] = field(default_factory=dict)

    def take_over(self, service: str, shard: int, owner: ShardOwner | None, edition: int) -> None:
        """Takes news in, unless later ones came first."""
        if edition > self.editions.get((service, shard), 0):
            self.editions[service, shard] = edition
            self.maps[service].assign(shard, owner)


class Gazette:
    """Tells all processes, without waiting for any."""

    def __init__(self, shard_counts: Mapping[str, int], clock: Clock, draw: random.Random) -> None:
        self.is_prompt = True
        """Whether news arrive at once."""
        self._shard_counts = shard_counts
        self._clock = clock
        self._draw = draw
        self._edition = 0
        self._truth = self._empty()
        self._copies: list[Copy] = []

    def owner(self, service: str, shard: int) -> ShardOwner | None:
        """What was published last."""
        return self._truth.maps[service].owner(shard)

    def subscribe(self) -> Copy:
        """A copy that is up to date, and kept so."""
        copy = self._empty()
        for service, shard_map in self._truth.maps.items():
            for shard, owner in shard_map.owners().items():
                copy.take_over(service, shard, owner, self._edition)
        self._copies.append(copy)
        return copy

    def unsubscribe(self, copy: Copy) -> None:
        """The reader is gone."""
        self._copies.remove(copy)

    def publish(self, service: str, shard: int, owner: ShardOwner | None) -> None:
        """Somebody owns the shard from now on, or nobody."""
        self._edition += 1
        self._truth.take_over(service, shard, owner, self._edition)
        for copy in self._copies:
            if self.is_prompt:
                copy.take_over(service, shard, owner, self._edition)
            else:
                lag_s = min(self._draw.expovariate(1 / LAG_S_MEAN), LAG_S_MAX)
                news = self._deliver(copy, service, shard, owner, self._edition, lag_s)
                start_background(news, "deliver the gazette")

    async def _deliver(
        self, copy: Copy, service: str, shard: int, owner: ShardOwner | None, edition: int, lag_s: float
    ) -> None:
        await self._clock.sleep(lag_s)
        copy.take_over(service, shard, owner, edition)

    def _empty(self) -> Copy:
        return Copy({name: StaticShardMap(name, count) for name, count in self._shard_counts.items()})

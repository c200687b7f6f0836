"""Who owns what: the part of etcd and the planner, on whose side everything is that is supposed to go wrong.

Shards are given out once, under an epoch that rises with every owner. Whoever dies or fails loses its shards
after a lease's time to somebody who lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.shards.map import ShardOwner
from tests.simulation.gazette import Gazette
from tests.simulation.processes import Process

LOOK_S = 0.2
LEASE_S_MIN, LEASE_S_MAX = 0.4, 2.5
"""How long a shard without a living owner stays so."""
USURPED_S_MIN, USURPED_S_MAX = 0.5, 5.0
"""How long an owner that was replaced goes on before it hears of it, unless the journal tells it first."""


@dataclass(eq=False, slots=True)
class Place:
    """One shard of one service."""

    service: str
    shard: int
    epoch: int = 0
    holder: Process | None = None
    change: asyncio.Task[None] | None = None
    """What is being done about it, while something is."""
    changing_to: Process | None = None

    @property
    def is_served(self) -> bool:
        """Whether its holder really holds it."""
        return self.holder is not None and self.holder.holds(self.shard)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being done about it."""
        return self.change is None or self.change.done()


class Steward:
    """Gives shards to processes."""

    def __init__(
        self,
        places: Sequence[Place],
        living: Callable[[str], Sequence[Process]],
        gazette: Gazette,
        clock: Clock,
        draw: random.Random,
    ) -> None:
        self.places = places
        self._living = living
        self._gazette = gazette
        self._clock = clock
        self._draw = draw

    async def give_out(self) -> None:
        """Gives every shard its first owner, in turn."""
        for place in self.places:
            processes = self._living(place.service)
            await self._take(place, processes[place.shard % len(processes)])

    async def watch(self) -> None:
        """Finds new owners for shards that have lost theirs; never returns."""
        while True:
            for place in self.places:
                if not place.is_served and place.is_idle:
                    self._begin(place, self._adopt(place))
            await self._clock.sleep(LOOK_S)

    def hand_over(self, place: Place) -> bool:
        """Begins a planned move to another instance; False when there is nobody, or no time for it."""
        others = [process for process in self._living(place.service) if process is not place.holder]
        if not (place.is_served and place.is_idle and others):
            return False
        self._begin(place, self._hand_over(place, self._draw.choice(others)))
        return True

    def usurp(self, place: Place) -> bool:
        """Lets another instance take a shard whose owner does not know, as after a pause beyond its lease."""
        others = [process for process in self._living(place.service) if not process.holds(place.shard)]
        if not (place.is_served and place.is_idle and others):
            return False
        self._begin(place, self._usurp(place, self._draw.choice(others)))
        return True

    async def bury(self, process: Process) -> None:
        """A process died: whatever it was about to take comes to nothing, and what it held is nobody's."""
        for place in self.places:
            if place.changing_to is process and not place.is_idle:
                assert place.change is not None
                place.change.cancel()
                await asyncio.gather(place.change, return_exceptions=True)
        if process.host is not None:
            for shard in range(process.host.shard_count):
                await process.host.lose(shard)
            await process.host.close()

    def _begin(self, place: Place, change: object) -> None:
        place.change = start_background(change, f"{place.service}/{place.shard}")  # type: ignore[arg-type]  # a coroutine

    async def _adopt(self, place: Place) -> None:
        await self._clock.sleep(self._draw.uniform(LEASE_S_MIN, LEASE_S_MAX))
        self._gazette.publish(place.service, place.shard, None)
        processes = self._living(place.service)
        if processes:
            await self._take(place, self._draw.choice(processes))

    async def _hand_over(self, place: Place, heir: Process) -> None:
        holder = place.holder
        assert holder is not None
        assert holder.host is not None
        # It may fail to flush; the next owner's fence protects what is there.
        with contextlib.suppress(ServiceError):
            await holder.host.give(place.shard)
        self._gazette.publish(place.service, place.shard, None)
        await self._clock.sleep(self._draw.uniform(0.0, 0.1))
        if heir.is_alive:
            await self._take(place, heir)

    async def _usurp(self, place: Place, heir: Process) -> None:
        old = place.holder
        assert old is not None
        await self._take(place, heir)
        # It goes on as if nothing had happened, until its journal or its lease says otherwise.
        await self._clock.sleep(self._draw.uniform(USURPED_S_MIN, USURPED_S_MAX))
        if old.is_alive and place.holder is not old:
            await old.lose(place.shard)

    async def _take(self, place: Place, heir: Process) -> None:
        assert heir.host is not None
        if heir.holds(place.shard):
            await heir.lose(place.shard)
        place.epoch += 1
        place.changing_to = heir
        try:
            await heir.host.take(place.shard, place.epoch)
        except ServiceError:
            return  # The next look finds it without an owner.
        finally:
            place.changing_to = None
        place.holder = heir
        owner = ShardOwner(heir.instance, heir.address, place.epoch)
        self._gazette.publish(place.service, place.shard, owner)

"""Time as an argument: services ask a `Clock`, and tests hold its hands."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from typing import Protocol


class Clock(Protocol):
    """Where a service takes the time from. Wall time is for rules, monotonic time for waiting."""

    def now_ms(self) -> int:
        """Wall time in milliseconds since the Unix epoch, UTC. May jump."""
        ...

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never goes back. Leases and deadlines are judged by it."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits; zero or less only yields to the loop."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """See `Clock.monotonic_s`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that moves only when told to: the heart of simulations and of tests about deadlines."""

    def __init__(self, now_ms: int = 1_454_846_400_000) -> None:
        # The default is 20:00 in Beijing on the eve of the Year of the Monkey, 7 February 2016.
        self._start_ms = now_ms
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_s(self) -> float:
        """See `Clock.monotonic_s`."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Returns once the clock has been advanced past the given time."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, next(self._order), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Moves time forward, waking sleepers in the order of their alarms and letting each run on."""
        target = self._elapsed_s + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            alarm, _, waiter = heapq.heappop(self._sleepers)
            self._elapsed_s = max(self._elapsed_s, alarm)
            if not waiter.done():
                waiter.set_result(None)
            await _let_others_run()
        self._elapsed_s = target
        await _let_others_run()


async def _let_others_run() -> None:
    # A woken task may wake others in turn; a few rounds of the loop reach them all in practice.
    for _ in range(8):
        await asyncio.sleep(0)

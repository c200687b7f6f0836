"""Waking whoever waits for something to change."""

from __future__ import annotations

import asyncio

from services.mesh.clock import Clock


class Wakeup:
    """Wakes all waiters at once. A call that happens while nobody waits is not remembered: look first."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def call(self) -> None:
        """Wakes everyone who waits now."""
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    async def wait(self, timeout_s: float, clock: Clock) -> bool:
        """Waits to be woken; False when the time passed first."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        alarm = asyncio.ensure_future(clock.sleep(timeout_s))
        woken = self._next
        try:
            await asyncio.wait({alarm, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        return woken.done()

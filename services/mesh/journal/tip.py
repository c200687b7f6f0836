"""The end of a journal as one handle knows it, and waiting for it to move."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.mesh.clock import Clock
from services.mesh.wakeup import Wakeup


class Tip:
    """The last record that this handle has seen durable."""

    def __init__(self, clock: Clock, poll_s: float) -> None:
        self.seq = 0
        self.ours = False
        """True once this handle presented an epoch: nobody else is expected to write."""
        self._clock = clock
        self._poll_s = poll_s
        self._moved = Wakeup()

    def reached(self, seq: int) -> None:
        """A record was seen durable, written by this handle or another."""
        if seq > self.seq:
            self.seq = seq
            self._moved.call()

    async def beyond(self, seq: int, timeout_s: float, look: Callable[[], Awaitable[int]]) -> bool:
        """Waits until the journal goes beyond `seq`, looking at the store where nobody would tell.

        What this handle writes wakes it at once. A handle that never fenced looks every `poll_s`; one that
        did looks once more at the end, in case another owner has written since.
        """
        deadline_s = self._clock.monotonic_s() + timeout_s
        while self.seq <= seq:
            left_s = deadline_s - self._clock.monotonic_s()
            pause_s = left_s if self.ours else min(left_s, self._poll_s)
            if pause_s > 0 and await self._moved.wait(pause_s, self._clock):
                continue
            self.reached(await look())
            if left_s <= 0:
                break
        return self.seq > seq

"""Waiting for decisions to become durable: who waits for which record of a shard's journal."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Generator

from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.wakeup import Wakeup


class Durability:
    """How far a shard's journal is durable, and everyone who waits for it to be so.

    Waiting is lazy: a commit that nobody awaits costs no future, and its failure is not reported as an
    exception that nobody retrieved.
    """

    def __init__(self, seq: int) -> None:
        self._seq = seq
        self._refusal: Callable[[], ServiceError] | None = None
        self._waiting: list[tuple[int, int, asyncio.Future[int]]] = []
        self._order = itertools.count()
        self._changed = Wakeup()

    @property
    def seq(self) -> int:
        """The last durable record."""
        return self._seq

    @property
    def broken(self) -> bool:
        """True once nothing more will become durable here."""
        return self._refusal is not None

    def of(self, seq: int) -> Awaitable[int]:
        """Something to await until the record is durable; it returns the record's number."""
        return _Durable(self, seq)

    def reached(self, seq: int) -> None:
        """Everything up to this record is durable now."""
        assert seq >= self._seq, "durability never goes back"  # noqa: S101 - an invariant, kept on
        self._seq = seq
        while self._waiting and self._waiting[0][0] <= seq:
            awaited, _, waiter = heapq.heappop(self._waiting)
            if not waiter.done():
                waiter.set_result(awaited)
        self._changed.call()

    def broke(self, refusal: Callable[[], ServiceError]) -> None:
        """Nothing more will become durable: everyone who waits gets an error. The first call counts."""
        if self._refusal is not None:
            return
        self._refusal = refusal
        waiting, self._waiting = self._waiting, []
        for _, _, waiter in waiting:
            if not waiter.done():
                waiter.set_exception(refusal())
        self._changed.call()

    async def beyond(self, seq: int, timeout_s: float, clock: Clock) -> bool:
        """Waits until a record above `seq` is durable, or nothing more will be; False when time passed."""
        deadline_s = clock.monotonic_s() + timeout_s
        while self._seq <= seq and self._refusal is None:
            left_s = deadline_s - clock.monotonic_s()
            if left_s <= 0:
                break
            await self._changed.wait(left_s, clock)
        return self._seq > seq

    def wait(self, seq: int) -> asyncio.Future[int]:
        """A future for one waiter; `of` is what callers use."""
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if seq <= self._seq:
            waiter.set_result(seq)
        elif self._refusal is not None:
            waiter.set_exception(self._refusal())
        else:
            heapq.heappush(self._waiting, (seq, next(self._order), waiter))
        return waiter


class _Durable(Awaitable[int]):
    """Awaits one record's durability. May be awaited by several, any number of times, or not at all."""

    __slots__ = ("_durability", "_seq")

    def __init__(self, durability: Durability, seq: int) -> None:
        self._durability = durability
        self._seq = seq

    def __await__(self) -> Generator[object, None, int]:
        return (yield from self._durability.wait(self._seq))

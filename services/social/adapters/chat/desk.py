"""Where messages wait for the next transaction: a bounded queue, and the batches that it is cut into."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.social.adapters.chat.batch import Outcome, Sealed
from services.social.adapters.chat.marks import Mark
from services.social.domain.chat.errors import ChatOverloaded
from services.social.domain.chat.message import Kept, Position
from services.social.domain.chat.queue import Pace

_ROW_MS = 0.05
"""What a row takes until something has been measured, milliseconds."""
_DELAY_STEP_MS = 50
"""Delays are told in these steps, so that a flood is told few different things."""

Item = Sealed | Mark
WriteBatch = Callable[[Sequence[Sealed], Sequence[Mark]], Awaitable[Outcome]]
"""Keeps a batch in one transaction; durable on return."""


@dataclass(frozen=True, slots=True)
class DeskLimits:
    """How much may wait, for how long, and how much goes at once."""

    rows_max: int
    """Most rows that wait."""
    wait_ms_max: int
    """Longest wait, estimated when something comes and kept to when it is its turn, milliseconds."""
    batch_rows_max: int
    """Most rows of one transaction; a message to a large group may be more, alone."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    item: Item
    rows: int
    since_ms: float
    answer: asyncio.Future[Kept | Position]


class Desk:
    """Takes what can be kept in time, refuses the rest at once, and answers when it is durable.

    Nothing is kept late: what has waited too long when its turn comes is refused, too, and not kept.
    """

    def __init__(self, write: WriteBatch, clock: Clock, limits: DeskLimits) -> None:
        self._write = write
        self._clock = clock
        self._limits = limits
        self._queue: deque[_Waiting] = deque()
        self._rows = 0
        self._pace = Pace(_ROW_MS)
        self._running: asyncio.Task[None] | None = None

    def check_room(self) -> None:
        """Raises `ChatOverloaded` when what comes now would not be kept in time."""
        wait_ms = self._pace.wait_ms(self._rows, self._now_ms())
        if wait_ms > self._limits.wait_ms_max:
            raise _overloaded("social_chat_wait_ms_max", wait_ms)
        if self._rows >= self._limits.rows_max:
            raise _overloaded("social_chat_queue_rows_max", wait_ms)

    async def keep(self, message: Sealed) -> Kept:
        """Keeps a message. Raises `RequestIdReused` and `ChatOverloaded`."""
        answer = await self._put(message, 2 + 2 * len(message.receivers))
        assert isinstance(answer, Kept), "a message is kept"  # noqa: S101 - an invariant
        return answer

    async def mark(self, mark: Mark) -> Position:
        """Moves a position. Raises `MessageUnknown` and `ChatOverloaded`."""
        answer = await self._put(mark, 1)
        assert isinstance(answer, Position), "a mark is a position"  # noqa: S101 - an invariant
        return answer

    async def _put(self, item: Item, rows: int) -> Kept | Position:
        self.check_room()
        waiting = _Waiting(item, rows, self._now_ms(), asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._rows += rows
        if self._running is None:
            self._running = start_background(self._run(), "chat desk")
        return await waiting.answer

    async def _run(self) -> None:
        try:
            while self._queue:
                batch = self._next()
                if batch:
                    await self._keep(batch)
        finally:
            self._running = None

    def _next(self) -> list[_Waiting]:
        """What goes next. Refuses what has waited too long, forgets what nobody waits for any more."""
        batch, rows, now_ms = list[_Waiting](), 0, self._now_ms()
        while self._queue and (not batch or rows + self._queue[0].rows <= self._limits.batch_rows_max):
            waiting = self._queue.popleft()
            self._rows -= waiting.rows
            waited_ms = now_ms - waiting.since_ms
            if waiting.answer.done():
                continue
            if waited_ms > self._limits.wait_ms_max:
                waiting.answer.set_exception(_overloaded("social_chat_wait_ms_max", waited_ms))
                continue
            batch.append(waiting)
            rows += waiting.rows
        return batch

    async def _keep(self, batch: Sequence[_Waiting]) -> None:
        messages = [waiting for waiting in batch if isinstance(waiting.item, Sealed)]
        marks = [waiting for waiting in batch if isinstance(waiting.item, Mark)]
        self._pace.begin(sum(waiting.rows for waiting in batch), self._now_ms())
        try:
            outcome = await self._write(
                [waiting.item for waiting in messages if isinstance(waiting.item, Sealed)],
                [waiting.item for waiting in marks if isinstance(waiting.item, Mark)],
            )
        except BaseException as failure:
            # Whatever it was, everybody who waits for this batch is told. The queue goes on after it.
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(
                        failure if isinstance(failure, Exception) else asyncio.CancelledError()
                    )
            if not isinstance(failure, Exception):
                raise
            return
        finally:
            self._pace.end(self._now_ms())
        for waiting, answer in zip(messages, outcome.kept, strict=True):
            _answer(waiting, answer)
        for waiting, moved in zip(marks, outcome.positions, strict=True):
            _answer(waiting, moved)

    def _now_ms(self) -> float:
        return self._clock.monotonic_s() * 1000


def _answer(waiting: _Waiting, answer: Kept | Position | ServiceError) -> None:
    if waiting.answer.done():
        return
    if isinstance(answer, ServiceError):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)


def _overloaded(limit: str, wait_ms: float) -> ChatOverloaded:
    delay_ms = math.ceil(max(wait_ms, 1) / _DELAY_STEP_MS) * _DELAY_STEP_MS
    return ChatOverloaded(limit, wait_ms=delay_ms, retry_delay_ms=delay_ms)

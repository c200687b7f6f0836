"""Threads that take work in batches: what arrives while they are busy is the next batch."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
Unit = Callable[[sa.Connection], T]
"""Reads and writes through the connection it is given, and returns what it found.

It runs in another thread, may run more than once, and must be safe to run again even after it was committed,
because the answer to a commit can be lost.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[T]):
    """A unit, and where its answer goes."""

    unit: Unit[T]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[T]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job."""

    job: Job[Any]
    value: object = None
    error: BaseException | None = None
    again: bool = False
    """Another writer was faster with the same key: run again, and see what that one wrote."""


class Crew:
    """Some threads over one bounded queue. A full queue refuses, it never grows."""

    def __init__(
        self,
        name: str,
        threads: int,
        work: Callable[[Sequence[Job[Any]]], None],
        *,
        queue_max: int,
        batch_max: int,
    ) -> None:
        self._work = work
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._queue: deque[Job[Any]] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        # Daemons, so that a process whose loop crashed can still end: nothing unanswered was promised.
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, job: Job[Any]) -> bool:
        """Queues a job; False when the queue is full or closed."""
        with self._arrived:
            if self._closing or len(self._queue) >= self._queue_max:
                return False
            self._queue.append(job)
            self._arrived.notify()
        return True

    def pause(self, seconds: float) -> None:
        """For a worker that must wait for someone else; ends early when the crew is closed."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._closing, timeout=seconds)

    def close(self) -> None:
        """Finishes what is queued and ends the threads. Blocks. Idempotent."""
        with self._arrived:
            self._closing = True
            self._arrived.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._work([job for job in batch if not job.answer.cancelled()])

    def _next_batch(self) -> list[Job[Any]]:
        # Empty once the queue is drained and closed.
        with self._arrived:
            while not self._queue and not self._closing:
                self._arrived.wait()
            count = min(len(self._queue), self._batch_max)
            return [self._queue.popleft() for _ in range(count)]


def answer(outcomes: Sequence[Outcome]) -> None:
    """Hands out answers from a worker's thread, with one wake-up of the loop for all of them."""
    for loop in {outcome.job.loop for outcome in outcomes}:
        mine = [outcome for outcome in outcomes if outcome.job.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, mine)


def _resolve(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.job.answer
        if future.done():
            continue
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.value)

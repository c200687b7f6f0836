"""Answers that are remembered for a while, and asked for once by however many want them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from services.mesh.background import start_background
from services.mesh.clock import Clock

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Remembered(Generic[KeyT, ValueT]):
    """Answers, the latest ones, each for a while. Many who ask at once for the same ask once."""

    def __init__(self, clock: Clock, answers_max: int, remember_s: float) -> None:
        self._clock = clock
        self._answers_max = answers_max
        self._remember_s = remember_s
        self._answers: OrderedDict[KeyT, tuple[asyncio.Future[ValueT], float]] = OrderedDict()

    async def get(self, key: KeyT, ask: Callable[[], Awaitable[ValueT]]) -> ValueT:
        """The answer, remembered or asked for. Raises what asking raises, to everybody who waits for it."""
        answer, until_s = self._answers.get(key, (None, 0.0))
        if answer is None or (answer.done() and self._clock.monotonic_s() >= until_s):
            # Beside whoever asks first: their deadline is not everybody's, and they may go away.
            answer = start_background(_asked(ask), "remember an answer")
            self._keep(key, answer)
            answer.add_done_callback(lambda done: self._forget_failure(key, done))
        return await asyncio.shield(answer)

    def put(self, key: KeyT, value: ValueT) -> None:
        """Remembers an answer that came another way."""
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(value)
        self._keep(key, answer)

    def drop(self, key: KeyT) -> None:
        """Has the next one ask again."""
        self._answers.pop(key, None)

    def _keep(self, key: KeyT, answer: asyncio.Future[ValueT]) -> None:
        self._answers.pop(key, None)
        self._answers[key] = (answer, self._clock.monotonic_s() + self._remember_s)
        if len(self._answers) > self._answers_max:
            self._answers.popitem(last=False)

    def _forget_failure(self, key: KeyT, done: asyncio.Future[ValueT]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and self._answers.get(key, (None, 0.0))[0] is done:
            del self._answers[key]


async def _asked(ask: Callable[[], Awaitable[ValueT]]) -> ValueT:
    return await ask()

"""Time that passes only when nobody has anything left to do, and then at once.

A loop of asyncio whose `time` is a number: where another loop would wait for the next alarm, this one moves
the number to that alarm. So an evening takes as long as its work, every pause is exact, and the same seed
gives the same order of everything. That is also why tasks and futures are numbered: asyncio keeps them in
sets, and a set's order follows the hash.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

EVE_MS = 1_454_846_400_000
"""20:00 in Beijing on the eve of the Year of the Monkey, 7 February 2016."""


class NothingWillHappen(AssertionError):
    """Everybody waits for somebody else, and nobody for the time: a deadlock."""


class VirtualClock:
    """A `Clock` on the loop that runs. Its wall time may be wrong by a little, as on every machine."""

    def __init__(self, skew_ms: int = 0) -> None:
        self._eve_ms = EVE_MS + skew_ms

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return self._eve_ms + round(self.monotonic_s() * 1000)

    def monotonic_s(self) -> float:
        """See `Clock.monotonic_s`."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(max(0.0, seconds))


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See above."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._numbers = itertools.count()
        super().__init__(_Impatient(self._pass))
        self.set_task_factory(self._new_task)
        self.failures: list[str] = []
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now_s

    def create_future(self) -> asyncio.Future[Any]:
        """See `asyncio.AbstractEventLoop`."""
        return _NumberedFuture(next(self._numbers), self)

    def _new_task(self, loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        return _NumberedTask(next(self._numbers), coroutine, loop, **options)

    def _pass(self, seconds: float) -> None:
        self._now_s += seconds

    def _note(self, _loop: Any, context: dict[str, Any]) -> None:
        # What other programs would only print: nobody was left to hear of it.
        self.failures.append(f"{context['message']}: {context.get('exception')!r}")


class _Impatient(selectors.SelectSelector):
    """Instead of waiting for a file that nobody writes to, lets the time pass."""

    def __init__(self, time_passes: Callable[[float], None]) -> None:
        super().__init__()
        self._time_passes = time_passes

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            raise NothingWillHappen
        self._time_passes(timeout)
        return []


class _NumberedFuture(asyncio.Future[Any]):
    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    __eq__ = object.__eq__

    def __hash__(self) -> int:
        return self._number


class _NumberedTask(asyncio.Task[Any]):
    def __init__(
        self,
        number: int,
        coroutine: Coroutine[Any, Any, Any],
        loop: asyncio.AbstractEventLoop,
        **options: Any,
    ) -> None:
        self._number = number
        super().__init__(coroutine, loop=loop, **options)

    __eq__ = object.__eq__

    def __hash__(self) -> int:
        return self._number


def run(main: Callable[[VirtualTimeLoop], Coroutine[Any, Any, T]]) -> T:
    """Runs something from beginning to end in virtual time.

    Raises what it raises, or AssertionError when a task failed and nobody heard of it.
    """
    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(main(loop))
    assert not loop.failures, loop.failures
    return result

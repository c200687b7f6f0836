"""Deadlines: calls without enough time left are refused, and callees get a little less than is left here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextvars import ContextVar

from services.mesh.clock import Clock, SystemClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.settings import MeshSettings

WIRE_SLACK = 0.04
"""Share of the time that is held back from callees beside `deadline_shave_ms`.

gRPC sends timeouts with few digits, and repeats an earlier one that is at most 3 % longer to save bytes:
without this, a callee would often believe that it has more time than its caller.
"""

_deadline_s: ContextVar[float | None] = ContextVar("deadline_s", default=None)
# When the request that this task works for must be answered, by the clock's monotonic time. Every request
# runs in a context of its own; a task that outlives it is started with `background.start_background`.


class DeadlineTooShort(ServiceError):
    """There is too little time left to finish; nothing was done."""

    kind = ErrorKind.DEADLINE
    reason = "DEADLINE_TOO_SHORT"


class DeadlinePassed(ServiceError):
    """The time ran out while the call was worked on."""

    kind = ErrorKind.DEADLINE
    reason = "DEADLINE_PASSED"


class Deadlines:
    """The rules about time of one process."""

    def __init__(self, settings: MeshSettings, clock: Clock) -> None:
        self.default_s = settings.deadline_default_ms / 1000
        self._min_s = settings.deadline_min_ms / 1000
        self._shave_s = settings.deadline_shave_ms / 1000
        self._clock = clock
        self._monotonic_s = clock.monotonic_s

    def admit(self, remaining_s: float) -> None:
        """Takes up the time that a request arrived with; raises `DeadlineTooShort` when it cannot finish."""
        if remaining_s < self._min_s:
            raise _too_short(remaining_s, self._min_s)
        _deadline_s.set(self._monotonic_s() + remaining_s)

    def outgoing_s(self, wanted_s: float | None) -> float:
        """The timeout of a unary call made now: what was wanted, but less than is left of the own request.

        Raises `DeadlinePassed` when that is not enough to be worth sending: the request itself has begun, and
        may have done something already.
        """
        if wanted_s is None:
            wanted_s = self.default_s
        deadline_s = _deadline_s.get()
        if deadline_s is None:
            return wanted_s
        left_s = (deadline_s - self._monotonic_s()) * (1 - WIRE_SLACK) - self._shave_s
        if left_s <= 0:
            raise DeadlinePassed("too little time is left to call another service")
        return min(wanted_s, left_s)

    @contextlib.asynccontextmanager
    async def enforced(self, seconds: float) -> AsyncIterator[None]:
        """Ends its body with `DeadlinePassed` after the time, for requests whose caller set no deadline."""
        if isinstance(self._clock, SystemClock):
            try:
                async with asyncio.timeout(seconds):
                    yield
            except TimeoutError:
                raise DeadlinePassed(f"not finished in {seconds:g} s") from None
            return
        # A manual clock has no timer in the loop: the body is cancelled when the clock says so.
        async with _cancelled_after(self._clock, seconds):
            yield


def remaining_s(clock: Clock) -> float | None:
    """Seconds left for the request that the current task works for; None when it has no deadline."""
    deadline_s = _deadline_s.get()
    return None if deadline_s is None else deadline_s - clock.monotonic_s()


def forget_deadline() -> None:
    """Leaves the current request's deadline, for work that outlives it."""
    _deadline_s.set(None)


@contextlib.asynccontextmanager
async def _cancelled_after(clock: Clock, seconds: float) -> AsyncIterator[None]:
    rang = False

    async def alarm(body: asyncio.Task[object]) -> None:
        nonlocal rang
        await clock.sleep(seconds)
        rang = True
        body.cancel()

    body = asyncio.current_task()
    assert body is not None, "deadlines are enforced inside a task"  # noqa: S101 - states an invariant
    timer = asyncio.create_task(alarm(body))
    try:
        yield
    except asyncio.CancelledError:
        if rang and body.uncancel() == 0:
            raise DeadlinePassed(f"not finished in {seconds:g} s") from None
        raise
    finally:
        timer.cancel()


def _too_short(remaining: float, required: float) -> DeadlineTooShort:
    remaining_ms, required_ms = int(remaining * 1000), int(required * 1000)
    return DeadlineTooShort(
        f"{remaining_ms} ms are left, {required_ms} ms are needed",
        remaining_ms=remaining_ms,
        required_ms=required_ms,
    )

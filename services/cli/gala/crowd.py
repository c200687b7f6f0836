"""Many people doing something at once, with a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from services.mesh.errors import ErrorKind, ServiceError

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS_MAX = 12
"""How often a person tries again when told that the mesh is busy."""
_RETRYABLE = (ErrorKind.UNAVAILABLE, ErrorKind.EXHAUSTED, ErrorKind.DEADLINE, ErrorKind.ABORTED)
_RETRY_DELAY_MS = 100


class Overdue(ServiceError):
    """The mesh has not done in time what an evening waits for. Metadata: `timeout_s`."""

    kind = ErrorKind.DEADLINE
    domain = "hongbao.cli"
    reason = "OVERDUE"


async def everyone(items: Sequence[T], act: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Lets `act` run for every item, `at_once` at a time. The first error ends the others and is raised."""
    queue = iter(items)

    async def work() -> None:
        # One iterator shared by all workers hands each item to exactly one of them.
        for item in queue:
            await act(item)

    await together(work() for _ in range(min(at_once, len(items))))


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Waits for all of them. The first error ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


@asynccontextmanager
async def within(timeout_s: float, what_is_late: str) -> AsyncIterator[None]:
    """Bounds the time for a block. Raises `Overdue`."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise Overdue(
            f"after {timeout_s:.0f} s {what_is_late}; see `hongbao shards` and the logs of the mesh",
            timeout_s=timeout_s,
        ) from None


async def patiently(call: Callable[[], Awaitable[R]]) -> R:
    """Calls, and calls again when the answer is that the mesh is busy or on the move, as an app would.

    Every call of the evening is idempotent, so trying again never does a thing twice.
    """
    for _ in range(ATTEMPTS_MAX - 1):
        try:
            return await call()
        except ServiceError as error:
            if error.kind not in _RETRYABLE:
                raise
            delay_ms = error.retry_delay_ms or _RETRY_DELAY_MS
        await asyncio.sleep(delay_ms / 1000)
    return await call()

"""Many people doing something at once, with a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from services.mesh.errors import ErrorKind, ServiceError

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS_MAX = 12
"""How often a person tries again when told that the mesh is busy."""
_RETRYABLE = (ErrorKind.UNAVAILABLE, ErrorKind.EXHAUSTED, ErrorKind.DEADLINE, ErrorKind.ABORTED)
_RETRY_DELAY_MS = 100


async def everyone(items: Sequence[T], act: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Lets `act` run for every item, `at_once` at a time. The first error ends the others and is raised."""
    queue = iter(items)

    async def work() -> None:
        # One iterator shared by all workers hands each item to exactly one of them.
        for item in queue:
            await act(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(items))):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


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

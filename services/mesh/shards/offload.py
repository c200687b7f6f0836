"""Work on whole states, such as rebuilding one, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Offload:
    """A few threads of a host. What runs here must not touch anything that the loop may change meanwhile."""

    def __init__(self, threads: int) -> None:
        """With no threads, work is done at once and on the loop: in simulations, chance must have no say."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="shards") if threads else None

    async def run(self, work: Callable[[], T]) -> T:
        """Does the work and returns its result. When this is cancelled, the work goes on, for nobody."""
        if self._pool is None:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Lets the threads end when they are done; further work is done on the loop. Idempotent."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

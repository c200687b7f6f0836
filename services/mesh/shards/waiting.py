"""Waiting for a change, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from services.mesh.clock import Clock


async def wait_at_most(change: Coroutine[Any, Any, object], timeout_s: float, clock: Clock) -> bool:
    """Waits for a change or until the clock has gone on by `timeout_s`; False when only time has passed.

    Raises what the change raises. By the clock given, so that simulations can wait as well.
    """
    changing = asyncio.ensure_future(change)
    waiting = asyncio.ensure_future(clock.sleep(timeout_s))
    try:
        await asyncio.wait({changing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if changing.done():
            changing.result()
            return True
        return False
    finally:
        changing.cancel()
        waiting.cancel()

"""Apps stay logged in: tokens are short-lived, and an evening may be long."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from services.cli.gala.crowd import everyone
from services.cli.gala.people import Player

AHEAD_S = 300
"""A token is refreshed so long before it ends: nothing that is under way meets its end."""
LOOK_S = 15.0
AT_ONCE = 16
"""How many refresh at the same moment: the evening goes on beside them."""


@contextlib.asynccontextmanager
async def staying_in(
    players: Sequence[Player], stay_in: Callable[[Player], Awaitable[None]]
) -> AsyncIterator[None]:
    """Refreshes everybody's token before it ends, for as long as the block lasts.

    What that fails with is raised at the end of the block.
    """
    task = asyncio.create_task(_keep(players, stay_in))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(players: Sequence[Player], stay_in: Callable[[Player], Awaitable[None]]) -> None:
    while True:
        await everyone(ending(players, time.time()), stay_in, AT_ONCE)
        await asyncio.sleep(LOOK_S)


def ending(players: Sequence[Player], now_s: float) -> list[Player]:
    """Those who hold a token that ends soon."""
    return [player for player in players if player.token and player.token_ends_s - now_s < AHEAD_S]

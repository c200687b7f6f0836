"""Work that comes round again and again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger

_log = get_logger("identity.chores")


async def come_round(name: str, clock: Clock, pause_s: float, do_some: Callable[[], Awaitable[int]]) -> None:
    """Does some of the work until a step finds none, then pauses, without end.

    What the database refuses is left for the next round.
    """
    while True:
        try:
            while await do_some():
                pass
        except ServiceError as error:
            _log.info("a chore is put off", chore=name, reason=error.reason)
        await clock.sleep(pause_s)

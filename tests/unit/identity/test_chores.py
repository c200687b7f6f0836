from __future__ import annotations

import asyncio

from services.identity.rooms.chores import come_round
from services.mesh.clock import ManualClock
from services.mesh.database.database import DatabaseOverloaded


async def test_a_chore_goes_on_until_there_is_none_and_comes_round_again() -> None:
    clock, steps = ManualClock(), [3, 1, 0, 2, 0]
    done: list[int] = []

    async def do_some() -> int:
        done.append(steps.pop(0))
        return done[-1]

    task = asyncio.create_task(come_round("test", clock, 60.0, do_some))
    await asyncio.sleep(0)
    assert done == [3, 1, 0]
    await clock.advance(59.0)
    assert done == [3, 1, 0]
    await clock.advance(1.0)
    assert done == [3, 1, 0, 2, 0]
    task.cancel()


async def test_what_the_database_refuses_is_left_for_the_next_round() -> None:
    clock, tries = ManualClock(), 0

    async def refuse() -> int:
        nonlocal tries
        tries += 1
        raise DatabaseOverloaded("too many wait")

    task = asyncio.create_task(come_round("test", clock, 60.0, refuse))
    await asyncio.sleep(0)
    await clock.advance(120.0)
    assert tries == 3
    assert not task.done()
    task.cancel()

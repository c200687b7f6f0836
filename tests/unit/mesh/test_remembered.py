"""Answers that are remembered, and asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.mesh.clock import ManualClock
from services.mesh.remembered import Remembered


class Away(Exception):
    """Whoever was asked is not there."""


def counting() -> Callable[[], Awaitable[int]]:
    answers = iter(range(1, 10))

    async def ask() -> int:
        return next(answers)

    return ask


async def fail() -> int:
    raise Away


async def test_many_who_ask_at_once_ask_once_and_again_after_its_time() -> None:
    clock, ask = ManualClock(), counting()
    remembered: Remembered[str, int] = Remembered(clock, 2, remember_s=10)
    assert await asyncio.gather(*(remembered.get("a", ask) for _ in range(3))) == [1, 1, 1]
    await clock.advance(9.9)
    assert await remembered.get("a", ask) == 1
    await clock.advance(0.2)
    assert await remembered.get("a", ask) == 2


async def test_who_goes_away_takes_nobody_elses_answer_along() -> None:
    remembered: Remembered[str, int] = Remembered(ManualClock(), 2, remember_s=10)
    may_answer = asyncio.Event()

    async def ask() -> int:
        await may_answer.wait()
        return 1

    first, second = (asyncio.ensure_future(remembered.get("a", ask)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    may_answer.set()
    assert await second == 1
    assert first.cancelled()


async def test_a_failure_is_not_remembered_and_neither_is_what_was_dropped() -> None:
    ask = counting()
    remembered: Remembered[str, int] = Remembered(ManualClock(), 2, remember_s=10)
    with pytest.raises(Away):
        await remembered.get("a", fail)
    assert await remembered.get("a", ask) == 1
    assert await remembered.get("a", ask) == 1
    remembered.drop("a")
    assert await remembered.get("a", ask) == 2


async def test_there_is_room_for_so_many_and_what_came_last_stays() -> None:
    ask = counting()
    remembered: Remembered[str, int] = Remembered(ManualClock(), 2, remember_s=10)
    assert await remembered.get("a", ask) == 1
    remembered.put("b", 0)
    remembered.put("a", 7)
    remembered.put("c", 0)
    assert await remembered.get("a", ask) == 7
    remembered.put("b", 0)
    remembered.put("c", 0)
    assert await remembered.get("a", ask) == 2

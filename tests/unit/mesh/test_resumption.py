from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from services.mesh.interceptors.resumption import resumed


async def begun(work: Coroutine[Any, Any, str]) -> str:
    """Makes the first step by hand, as the chain does, and goes on in this task."""
    return await resumed(work, work.send(None))


async def test_work_that_was_begun_by_hand_goes_on_to_its_result() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        first = await asyncio.wait_for(_soon("a"), 5)
        return first + await _soon("b")

    assert await begun(work()) == "ab"


async def test_what_the_work_waits_for_may_fail_and_the_work_may_live_with_it() -> None:
    async def work() -> str:
        try:
            await _failing()
        except LookupError:
            return "caught"
        return "missed"

    assert await begun(work()) == "caught"


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        await begun(work())


async def test_a_cancellation_reaches_the_work_which_may_clean_up_with_awaiting() -> None:
    cleaned, waiting = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        try:
            waiting.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()
        return "never"

    task = asyncio.create_task(begun(work()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned.is_set()


async def test_work_that_is_given_up_is_closed() -> None:
    closed = False

    async def work() -> str:
        nonlocal closed
        try:
            await asyncio.Event().wait()
        finally:
            closed = True
        return "never"

    coroutine = begun(work())
    coroutine.send(None)
    coroutine.close()
    assert closed


async def _soon(text: str) -> str:
    await asyncio.sleep(0)
    return text


async def _failing() -> None:
    await asyncio.sleep(0)
    raise LookupError

from __future__ import annotations

import asyncio
import time

import pytest

from tests.simulation.seeds import seeds_of
from tests.simulation.virtual_time import NothingWillHappen, VirtualClock, VirtualTimeLoop, run


def test_an_hour_passes_at_once_and_alarms_ring_in_order() -> None:
    rung: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        clock = VirtualClock()
        await clock.sleep(seconds)
        rung.append((name, clock.monotonic_s()))

    async def main(_: VirtualTimeLoop) -> None:
        await asyncio.gather(sleeper("late", 3600.0), sleeper("early", 0.001), sleeper("at once", 0.0))

    began_s = time.monotonic()
    run(main)
    assert rung == [("at once", 0.0), ("early", 0.001), ("late", 3600.0)]
    assert time.monotonic() - began_s < 10.0


def test_a_deadlock_is_found() -> None:
    async def main(_: VirtualTimeLoop) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingWillHappen):
        run(main)


def test_a_failure_that_nobody_heard_of_fails_the_run() -> None:
    async def fails() -> None:
        raise ValueError("unheard")

    async def main(_: VirtualTimeLoop) -> None:
        task = asyncio.ensure_future(fails())
        await asyncio.sleep(1.0)
        del task

    with pytest.raises(AssertionError, match="unheard"):
        run(main)


def test_a_clock_may_be_wrong() -> None:
    async def main(_: VirtualTimeLoop) -> int:
        return VirtualClock(skew_ms=70).now_ms() - VirtualClock().now_ms()

    assert run(main) == 70


@pytest.mark.parametrize(("words", "seeds"), [("7", [7]), ("1-3", [1, 2, 3]), ("3, 5,10-11", [3, 5, 10, 11])])
def test_seeds_are_read_one_by_one_and_as_ranges(words: str, seeds: list[int]) -> None:
    assert seeds_of(words) == seeds

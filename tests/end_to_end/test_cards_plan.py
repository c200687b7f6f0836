"""`hongbao cards plan` as a process: its workers end with it, whatever ends it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.command import start

MUCH = ("cards", "plan", "--sample", "500000", "--seeds", "100")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_whatever_ends_the_planner_ends_its_processes_and_leaves_no_file(
    tmp_path: Path, number: signal.Signals
) -> None:
    found = tmp_path / "found.csv"
    planner = await start([*MUCH, "--csv", str(found), "--picture", str(tmp_path / "found.png")])
    workers = await _workers(planner.pid)
    for worker in workers:  # As at a terminal, where everybody gets the signal.
        if number is not signal.SIGKILL:
            worker.send_signal(number)
    planner.send_signal(number)
    _, complaints = await asyncio.wait_for(planner.communicate(), 60)
    if number is not signal.SIGKILL:
        assert (planner.returncode, complaints) == (130, b"interrupted\n")
    async with asyncio.timeout(60):
        while any(_is_there(worker) for worker in workers):  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(0.02)
    assert not [path.name for path in tmp_path.iterdir()]  # noqa: ASYNC240 - a few names


async def _workers(pid: int) -> list[psutil.Process]:
    """The processes that play."""
    async with asyncio.timeout(60):
        while True:
            started = [
                child
                for child in psutil.Process(pid).children()
                if any("spawn_main" in word for word in child.cmdline())
            ]
            if len(started) == 2:
                return started
            await asyncio.sleep(0.01)


def _is_there(worker: psutil.Process) -> bool:
    return worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE

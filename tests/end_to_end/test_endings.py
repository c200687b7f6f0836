from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from services.cli.operator import connected
from services.mesh.settings import MeshSettings
from tests.end_to_end.command import alive, new_place, start, supervisor

SPONSOR = 2016


async def test_a_killed_mesh_leaves_nothing_behind_and_starts_again_with_its_data(tmp_path: Path) -> None:
    place = new_place(tmp_path / "a home")
    async with supervisor(place) as (process, record):
        async with connected(record.etcd_endpoint, MeshSettings()) as operator:
            await operator.deposit(SPONSOR, 1000)
            await operator.create_campaign("spring-2016", SPONSOR, "Spring Festival", 1000)
        process.kill()
        await process.wait()
        async with asyncio.timeout(5):
            while alive(record):  # noqa: ASYNC110 - the kernel sets no event
                await asyncio.sleep(0.01)
    async with supervisor(place) as (process, record):
        async with connected(record.etcd_endpoint, MeshSettings()) as operator:
            assert await operator.has_campaign("spring-2016")
            assert not await operator.has_campaign("spring-2017")
        # Whoever asks twice does not want to wait: nothing may be left behind then, either.
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        while await process.stdout.readline() != b"draining\n":
            assert not process.stdout.at_eof()
        process.send_signal(signal.SIGINT)
        _, complaints = await asyncio.wait_for(process.communicate(), 20)
        assert (process.returncode, complaints) == (130, b"interrupted\n")
        assert not alive(record)


async def test_ctrl_c_is_answered_while_the_command_is_still_being_loaded() -> None:
    process = await start(["shards"])
    async with asyncio.timeout(20):
        while not _catches(process.pid, signal.SIGTERM):  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, complaints = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, complaints) == (130, b"interrupted\n")


def _catches(pid: int, number: signal.Signals) -> bool:
    # Python itself leaves SIGTERM alone, so whoever catches it has begun to answer signals.
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from services.cli.local_mesh.layout import MeshLayout, ProcessSpec, service_processes
from services.cli.local_mesh.process import ChildProcess, PortTaken, ProcessFailed, require_free_port
from services.cli.local_mesh.record import HomeLock, MeshRecord, MeshRunning, RunningProcess, find_mesh

RECORD = MeshRecord("127.0.0.1:1", "127.0.0.1:2", "/traces", [RunningProcess("etcd", 42)])


def spec(tmp_path: Path, code: str) -> ProcessSpec:
    return ProcessSpec("child", "child", (sys.executable, "-c", code), {}, tmp_path / "child.log")


def test_every_service_is_a_process_of_its_own_and_the_gateway_comes_last(tmp_path: Path) -> None:
    specs = service_processes(MeshLayout(tmp_path))
    assert [one.service for one in specs] == [
        "identity",
        "social",
        "settlement",
        "allocation",
        "cards",
        "gateway",
    ]
    assert len({one.log_file for one in specs}) == len(specs)


def test_allocation_can_have_several_processes_with_names_of_their_own(tmp_path: Path) -> None:
    names = [
        one.name
        for one in service_processes(MeshLayout(tmp_path, allocation_processes=3))
        if one.service == "allocation"
    ]
    assert names == ["allocation-1", "allocation-2", "allocation-3"]


async def test_a_child_that_will_not_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = ChildProcess.start(
        spec(
            tmp_path,
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('armed', flush=True); "
            "signal.pause()",
        )
    )
    await said(child, "armed")
    await child.stop(grace_s=0.05)
    assert child.exit_code == -signal.SIGKILL
    assert "SIGKILL" in child.death_notice()


async def test_a_stopped_child_can_still_be_ended_in_order(tmp_path: Path) -> None:
    child = ChildProcess.start(spec(tmp_path, "import signal; print('up', flush=True); signal.pause()"))
    await said(child, "up")
    os.kill(child.pid, signal.SIGSTOP)
    await child.stop(grace_s=10)
    assert child.exit_code == -signal.SIGTERM


async def test_a_death_notice_carries_the_last_words(tmp_path: Path) -> None:
    child = ChildProcess.start(spec(tmp_path, "raise SystemExit('no port for me')"))
    assert await child.wait() == 1
    assert "exited 1: no port for me" in child.death_notice()


def test_a_missing_program_is_one_clear_error(tmp_path: Path) -> None:
    missing = ProcessSpec("etcd", "etcd", (str(tmp_path / "no-etcd"),), {}, tmp_path / "etcd.log")
    with pytest.raises(ProcessFailed, match=r"etcd cannot be started: there is no program .*no-etcd"):
        ChildProcess.start(missing)


async def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    # The middle process starts a child the way a mesh does, says its pid, and is killed.
    middle = ChildProcess.start(
        spec(
            tmp_path,
            "import asyncio, pathlib, sys\n"
            "from services.cli.local_mesh.layout import ProcessSpec\n"
            "from services.cli.local_mesh.process import ChildProcess\n"
            "async def main():\n"
            "    command = (sys.executable, '-c', 'import signal; signal.pause()')\n"
            f"    log = pathlib.Path({str(tmp_path)!r}) / 'inner.log'\n"
            "    spec = ProcessSpec('inner', 'inner', command, {}, log)\n"
            "    child = ChildProcess.start(spec)\n"
            "    print('inner', child.pid, flush=True)\n"
            "    await child.wait()\n"
            "asyncio.run(main())\n",
        )
    )
    inner_pid = int((await said(middle, "inner")).split()[1])
    os.kill(middle.pid, signal.SIGKILL)
    await middle.wait()
    async with asyncio.timeout(10):
        while _lives(inner_pid):  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(0)


def test_a_taken_port_names_its_user_and_a_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port}, which etcd needs, is taken; choose another"):
            require_free_port(port, "etcd", "choose another")
    require_free_port(port, "etcd", "choose another")


def test_a_running_mesh_is_found_and_keeps_others_out(tmp_path: Path) -> None:
    assert find_mesh(tmp_path) is None
    with HomeLock(tmp_path):
        RECORD.save(tmp_path)
        assert find_mesh(tmp_path) == RECORD
        with pytest.raises(MeshRunning, match="already runs"), HomeLock(tmp_path):
            pass
        assert find_mesh(tmp_path) == RECORD
    assert find_mesh(tmp_path) is None


def test_a_record_that_a_crash_left_behind_is_not_believed(tmp_path: Path) -> None:
    with HomeLock(tmp_path):
        pass
    RECORD.save(tmp_path)
    assert find_mesh(tmp_path) is None


async def said(child: ChildProcess, word: str) -> str:
    """Waits until the child's log has a line with the word, and returns the line."""
    async with asyncio.timeout(20):
        while True:
            for line in child.spec.log_file.read_text().splitlines():
                if word in line:
                    return line
            assert child.exit_code is None, child.death_notice()
            await asyncio.sleep(0)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"

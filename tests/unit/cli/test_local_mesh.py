from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from services.cli.commands.up import layout_of
from services.cli.console import Refusal
from services.cli.local_mesh.layout import Half, MeshLayout, ProcessSpec, service_processes
from services.cli.local_mesh.process import (
    ChildProcess,
    DiskFull,
    PortTaken,
    ProcessFailed,
    last_words,
    require_free_port,
    require_free_space,
)
from services.cli.local_mesh.record import (
    HomeLock,
    MeshRecord,
    MeshRunning,
    RunningProcess,
    find_mesh,
    is_held,
    withdraw,
)
from services.cli.local_mesh.supervisor import LocalMesh, end

DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('armed', flush=True); signal.pause()"
)
RECORD = MeshRecord("127.0.0.1:1", "127.0.0.1:2", "/traces", [RunningProcess("etcd", 42)])

_AUTOGROUPS = Path("/proc/sys/kernel/sched_autogroup_enabled")
AUTOGROUPS = _AUTOGROUPS.exists() and _AUTOGROUPS.read_text().strip() == "1"
"""Whether the processor is shared among sessions first."""
_TURNS = Path("/proc/self/sched")
SHOWS_TURNS = _TURNS.exists() and "se.slice" in _TURNS.read_text()
"""Whether the kernel has turns of a length that one can ask for, and shows it."""


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


def test_each_lane_is_answered_by_one_gateway_and_only_who_taps_goes_first(tmp_path: Path) -> None:
    layout = MeshLayout(
        tmp_path, gateway_port=9000, gateways=(("taps", "people", "money"), ("sharing",), ("chat",))
    )
    gateways = [one for one in service_processes(layout) if one.service == "gateway"]
    assert [(one.name, one.slice_us > 0) for one in gateways] == [
        ("gateway", True),
        ("gateway-sharing", False),
        ("gateway-chat", False),
    ]
    assert [one.environment["HONGBAO_LISTEN_PORT"] for one in gateways] == ["9000", "9010", "9011"]
    assert [one.environment["HONGBAO_GATEWAY_LANES"] for one in gateways] == [
        "taps,people,money",
        "sharing",
        "chat",
    ]
    assert layout.lane_addresses["chat"] == "127.0.0.1:9011"
    assert layout.gateway_address == layout.lane_addresses["money"] == "127.0.0.1:9000"


def test_lanes_are_given_to_gateways_as_the_option_says(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, 1, 9000, 9500, "taps+people+money, sharing,chat")
    assert layout.gateways == [["taps", "people", "money"], ["sharing"], ["chat"]]
    assert layout_of(tmp_path, 1, 9000, 9500).gateway_ports == (9000,)
    for wrong in ("taps", "taps+people+money,sharing,chat,taps", "taps+people+money,sharing,gossip"):
        with pytest.raises(Refusal, match="each of taps, people, sharing, chat, money once"):
            layout_of(tmp_path, 1, 9000, 9500, wrong)
    with pytest.raises(Refusal, match="etcd needs the ports 9010 and 9011"):
        layout_of(tmp_path, 1, 9000, 9010, "taps+people+money,sharing,chat")


def test_a_gateway_is_not_replaced_by_one_that_answers_other_calls(tmp_path: Path) -> None:
    layout = MeshLayout(tmp_path, gateways=(("taps", "people", "money"), ("sharing",), ("chat",)))
    answers = [one.answers for one in service_processes(layout)]
    assert len(set(answers)) == len(answers)


async def test_a_child_stands_back_as_far_as_it_is_told(tmp_path: Path) -> None:
    tells = "import os; print(os.nice(0), open('/proc/self/autogroup').read(), flush=True)"
    child = ChildProcess.start(
        replace(spec(tmp_path, tells if AUTOGROUPS else "import os; print(os.nice(0))"), niceness=7)
    )
    assert await child.wait() == 0
    words = child.spec.log_file.read_text().split()
    assert int(words[0]) == min(19, os.nice(0) + 7)
    assert not AUTOGROUPS or words[-1] == "7"


async def test_a_child_takes_short_turns_when_it_is_told_to(tmp_path: Path) -> None:
    tells = (
        "print(open('/proc/self/sched').read(), flush=True)" if SHOWS_TURNS else "print('se.slice : 100000')"
    )
    child = ChildProcess.start(replace(spec(tmp_path, tells), slice_us=100))
    assert await child.wait() == 0
    shown = [line.split() for line in child.spec.log_file.read_text().splitlines() if "se.slice" in line]
    assert [words[-1] for words in shown] == ["100000"]


def test_gateways_apart_leave_half_of_the_processors_to_claims(tmp_path: Path) -> None:
    apart = MeshLayout(tmp_path, gateways=(("taps", "people", "money"), ("sharing", "chat")))
    halves = {one.name: one.half for one in service_processes(apart)}
    assert [name for name, half in halves.items() if half is Half.FIRST] == ["allocation", "gateway"]
    assert {half for name, half in halves.items() if name not in {"allocation", "gateway"}} == {Half.SECOND}
    for layout in (replace(apart, standing_back=False), MeshLayout(tmp_path)):
        assert {one.half for one in service_processes(layout)} == {Half.NEITHER}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone lets processors be chosen")
@pytest.mark.parametrize("half", Half)
async def test_a_child_keeps_to_its_half_of_the_processors(tmp_path: Path, half: Half) -> None:
    tells = "import os; print(sorted(os.sched_getaffinity(0)), flush=True)"
    child = ChildProcess.start(replace(spec(tmp_path, tells), half=half))
    assert await child.wait() == 0
    all_of_them = sorted(os.sched_getaffinity(0))
    first, second = all_of_them[: len(all_of_them) // 2], all_of_them[len(all_of_them) // 2 :]
    expected = {Half.NEITHER: all_of_them, Half.FIRST: first or second, Half.SECOND: second}[half]
    assert json.loads(child.spec.log_file.read_text()) == expected


async def test_a_child_that_will_not_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = ChildProcess.start(spec(tmp_path, DEAF))
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


async def test_a_death_notice_is_silent_about_earlier_runs_and_about_what_is_not_grave(
    tmp_path: Path,
) -> None:
    (tmp_path / "child.log").write_text("words of a run before\n")
    lines = (
        '{"event": "listening", "level": "info"}',
        "E1122 00:13:51.718460   31967 add_port.cc:83] Failed to add port to server",
        '{"event": "shard_failed", "error": "JOURNAL_UNAVAILABLE: disk is full", "level": "error"}',
    )
    child = ChildProcess.start(spec(tmp_path, f"print({chr(10).join(lines)!r}); raise SystemExit(3)"))
    await child.wait()
    notice = child.death_notice()
    assert "exited 3: shard_failed: JOURNAL_UNAVAILABLE: disk is full (log:" in notice


async def test_the_last_words_of_a_failure_are_what_it_is_and_not_where(tmp_path: Path) -> None:
    child = ChildProcess.start(spec(tmp_path, "raise RuntimeError('no room')"))
    await child.wait()
    assert "exited 1: RuntimeError: no room (log:" in child.death_notice()


def test_the_last_words_of_a_go_program_are_not_its_stack(tmp_path: Path) -> None:
    log = tmp_path / "etcd.log"
    log.write_text(
        "panic: no space left on device\n\ngoroutine 1 [running]:\nmain.main()\n\tmain.go:32 +0x45\n"
    )
    assert last_words(log) == ["panic: no space left on device"]


async def test_two_deaths_at_the_same_moment_are_both_told(tmp_path: Path) -> None:
    mesh = LocalMesh(
        MeshLayout(tmp_path), [ChildProcess.start(spec(tmp_path, "raise SystemExit(1)")) for _ in range(2)]
    )
    for child in mesh.children:
        await child.wait()
    async with asyncio.timeout(10):
        told = {(await mesh.first_death()).pid for _ in range(2)}
    assert told == {child.pid for child in mesh.children}


async def test_impatience_while_a_mesh_drains_kills_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    mesh = LocalMesh(MeshLayout(tmp_path), [ChildProcess.start(spec(tmp_path, DEAF))])
    await said(mesh.children[0], "armed")
    ending = asyncio.ensure_future(end(mesh, lambda _process, _state: None))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert mesh.children[0].exit_code == -signal.SIGKILL


def test_a_disk_that_is_nearly_full_is_seen_before_a_mesh_is_started(tmp_path: Path) -> None:
    require_free_space(tmp_path, 1)
    with pytest.raises(DiskFull, match=r"a mesh needs \d+; make room, or choose another folder"):
        require_free_space(tmp_path, 1 << 62)


def test_the_gateway_cannot_have_a_port_of_etcd(tmp_path: Path) -> None:
    for port in (8701, 8702):
        with pytest.raises(
            Refusal, match="etcd needs the ports 8701 and 8702; choose another --gateway-port"
        ):
            layout_of(tmp_path, 1, gateway_port=port, etcd_port=8701)


def test_a_missing_program_is_one_clear_error(tmp_path: Path) -> None:
    missing = ProcessSpec("etcd", "etcd", (str(tmp_path / "no-etcd"),), {}, tmp_path / "etcd.log")
    with pytest.raises(ProcessFailed, match=r"etcd cannot be started: there is no program .*no-etcd"):
        ChildProcess.start(missing)


async def test_children_that_will_not_end_are_gone_when_their_parent_is_killed(tmp_path: Path) -> None:
    # The middle process starts a child the way a mesh does, says its pid, and is killed.
    middle = ChildProcess.start(
        spec(
            tmp_path,
            "import asyncio, pathlib, sys\n"
            "from services.cli.local_mesh.layout import ProcessSpec\n"
            "from services.cli.local_mesh.process import ChildProcess\n"
            "async def main():\n"
            "    deaf = 'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()'\n"
            "    command = (sys.executable, '-c', deaf)\n"
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


def test_a_mesh_that_starts_or_drains_is_not_found_and_says_why_it_keeps_others_out(tmp_path: Path) -> None:
    RECORD.save(tmp_path)
    with HomeLock(tmp_path):
        assert find_mesh(tmp_path) is None
        assert is_held(tmp_path)
        RECORD.save(tmp_path)
        withdraw(tmp_path)
        assert find_mesh(tmp_path) is None
        with pytest.raises(MeshRunning, match="is starting or ending"), HomeLock(tmp_path):
            pass
    assert not is_held(tmp_path)


def test_a_record_that_a_crash_left_behind_is_not_believed(tmp_path: Path) -> None:
    with HomeLock(tmp_path):
        pass
    RECORD.save(tmp_path)
    assert find_mesh(tmp_path) is None


async def said(child: ChildProcess, word: str) -> str:
    """Waits until the child's log has a whole line with the word, and returns the line."""
    async with asyncio.timeout(20):
        while True:
            for line in child.spec.log_file.read_text().splitlines(keepends=True):
                if word in line and line.endswith("\n"):
                    return line
            assert child.exit_code is None, child.death_notice()
            await asyncio.sleep(0)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"

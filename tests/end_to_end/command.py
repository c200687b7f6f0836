"""Runs the `hongbao` command as an operator would: as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.cli.local_mesh.record import MeshRecord, find_mesh

READY_TIMEOUT_S = 90.0
COMMAND_TIMEOUT_S = 150.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to."""

    exit_code: int
    output: str
    complaints: str


@dataclass(frozen=True, slots=True)
class Place:
    """A home folder and ports that no other test uses."""

    home: Path
    gateway_port: int
    etcd_port: int

    @property
    def options(self) -> list[str]:
        """Options of a command that starts a mesh here."""
        return [
            f"--home={self.home}",
            f"--gateway-port={self.gateway_port}",
            f"--etcd-port={self.etcd_port}",
        ]


def new_place(folder: Path) -> Place:
    """A place with free ports; etcd uses the port above its own too."""
    while True:
        etcd_port = _free_port()
        with socket.socket() as above:
            try:
                above.bind(("127.0.0.1", etcd_port + 1))
            except OSError:
                continue
        return Place(folder, _free_port(), etcd_port)


async def hongbao(*arguments: str, environment: dict[str, str] | None = None) -> Outcome:
    """Runs a command to its end."""
    process = await start(arguments, environment)
    try:
        output, complaints = await asyncio.wait_for(process.communicate(), COMMAND_TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Outcome(process.returncode, output.decode(), complaints.decode())


@asynccontextmanager
async def mesh_up(
    place: Place, *options: str, lease_ttl_s: int = 2, environment: dict[str, str] | None = None
) -> AsyncIterator[MeshRecord]:
    """A mesh kept up by `hongbao up`; ended with Ctrl-C, which must leave nothing behind."""
    running = supervisor(place, *options, lease_ttl_s=lease_ttl_s, environment=environment)
    async with running as (process, record):
        yield record
        process.send_signal(signal.SIGINT)
        output, complaints = await asyncio.wait_for(process.communicate(), COMMAND_TIMEOUT_S)
        assert process.returncode == 0, complaints.decode() + output.decode()
        assert not alive(record)


@asynccontextmanager
async def supervisor(
    place: Place, *options: str, lease_ttl_s: int = 2, environment: dict[str, str] | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, MeshRecord]]:
    """A mesh kept up by `hongbao up`, and that command's process, which the test may end as it likes."""
    times = {"HONGBAO_LEASE_TTL_S": str(lease_ttl_s), "HONGBAO_DEADLINE_DEFAULT_MS": "10000"}
    process = await start(["up", *place.options, *options], {**times, **(environment or {})})
    try:
        yield process, await _ready(process, place)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


def alive(record: MeshRecord) -> list[str]:
    """The names of the mesh's processes that are still there."""
    return [running.name for running in record.processes if psutil.pid_exists(running.pid)]


def pid_of(record: MeshRecord, name: str) -> int:
    """The process id of a process of the mesh."""
    return next(process.pid for process in record.processes if process.name == name)


async def _ready(process: asyncio.subprocess.Process, place: Place) -> MeshRecord:
    async with asyncio.timeout(READY_TIMEOUT_S):
        while (record := find_mesh(place.home)) is None:
            if process.returncode is not None:
                output, complaints = await process.communicate()
                raise AssertionError(complaints.decode() + output.decode())
            await asyncio.sleep(0.02)
        return record


async def start(
    arguments: Sequence[str], environment: dict[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Starts a command."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200", **(environment or {})},
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def read_report(path: Path) -> dict[str, object]:
    """A gala's report."""
    content: dict[str, object] = json.loads(path.read_text())
    return content

"""Starts a mesh on this machine, watches over it, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field

from services.cli.local_mesh.etcd import etcd_process
from services.cli.local_mesh.layout import MeshLayout, ProcessSpec, service_processes
from services.cli.local_mesh.process import ChildProcess, ProcessFailed, require_free_port, require_free_space
from services.cli.local_mesh.readiness import Readiness, wait_for_etcd
from services.cli.local_mesh.record import HomeLock, MeshRecord, RunningProcess, withdraw

STOP_GRACE_S = 15.0
"""What a process gets to drain before it is killed, seconds."""
READY_TIMEOUT_S = 90.0
"""What a mesh gets to become ready, seconds; recovering long journals takes its time."""


FREE_BYTES_MIN = 256 * 1024 * 1024
"""Free room without which no mesh is started, bytes: etcd alone sets 128 MiB aside for its log."""


@dataclass(slots=True)
class LocalMesh:
    """A mesh that runs."""

    layout: MeshLayout
    children: list[ChildProcess] = field(default_factory=list)
    mourned: set[int] = field(default_factory=set)
    """Pids of those whose death was told already."""

    @property
    def record(self) -> MeshRecord:
        """Where it is, for other commands and reports."""
        return MeshRecord(
            etcd_endpoint=self.layout.etcd_endpoint,
            gateway_address=self.layout.gateway_address,
            traces=str(self.layout.traces),
            processes=[RunningProcess(child.spec.name, child.pid) for child in self.children],
            lane_addresses=dict(self.layout.lane_addresses),
        )

    def child(self, name: str) -> ChildProcess:
        """The process of that name. Raises KeyError."""
        for child in self.children:
            if child.spec.name == name:
                return child
        raise KeyError(name)

    async def first_death(self) -> ChildProcess:
        """Waits until one of the processes ends by itself, and returns it; each of them once."""
        waits = {
            asyncio.ensure_future(child.wait()): child
            for child in self.children
            if child.pid not in self.mourned
        }
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        dead = waits[done.pop()]
        self.mourned.add(dead.pid)
        return dead

    def can_go_on_without(self, dead: ChildProcess) -> bool:
        """Whether another process that answers the same calls still runs."""
        return any(
            child.spec.answers == dead.spec.answers and child.exit_code is None for child in self.children
        )


@contextlib.asynccontextmanager
async def running_mesh(layout: MeshLayout, announce: Callable[[str, str], None]) -> AsyncIterator[LocalMesh]:
    """A mesh from its first process to its last.

    `announce(process, state)` hears of every step. Raises `MeshRunning`, `PortTaken`, `DiskFull` or
    `ProcessFailed`; however the body ends, every process has ended when this returns. Being cancelled while
    they drain kills them.
    """
    with HomeLock(layout.home):
        for port, user, option in (
            *((port, "a gateway", "--gateway-port") for port in layout.gateway_ports),
            (layout.etcd_port, "etcd", "--etcd-port"),
            (layout.etcd_peer_port, "etcd", "--etcd-port"),
        ):
            require_free_port(port, user, f"end its user or choose another with {option}")
        require_free_space(layout.home, FREE_BYTES_MIN)
        # Journals hold seeds of draws that are not revealed yet, tables who knows whom.
        layout.data.mkdir(mode=0o700, exist_ok=True)
        for folder in (layout.logs, layout.traces):
            folder.mkdir(exist_ok=True)
        mesh = LocalMesh(layout)
        try:
            await _start(mesh, announce)
            mesh.record.save(layout.home)
            yield mesh
        finally:
            # A draining mesh is not for newcomers.
            withdraw(layout.home)
            await end(mesh, announce)


async def _start(mesh: LocalMesh, announce: Callable[[str, str], None]) -> None:
    etcd = _launch(mesh, etcd_process(mesh.layout), announce)
    await _unless_dead(mesh, wait_for_etcd(etcd.spec, mesh.layout.etcd_endpoint, READY_TIMEOUT_S))
    announce(etcd.spec.name, "ready")
    specs = service_processes(mesh.layout)
    for spec in specs:
        _launch(mesh, spec, announce)
    await _unless_dead(mesh, _wait_until_ready(mesh.layout, specs, announce))


def _launch(mesh: LocalMesh, spec: ProcessSpec, announce: Callable[[str, str], None]) -> ChildProcess:
    child = ChildProcess.start(spec)
    mesh.children.append(child)
    announce(spec.name, f"starting (pid {child.pid})")
    return child


async def _wait_until_ready(
    layout: MeshLayout, specs: Sequence[ProcessSpec], announce: Callable[[str, str], None]
) -> None:
    async with Readiness(layout.etcd_endpoint) as readiness:

        async def wait_for(spec: ProcessSpec) -> None:
            await readiness.wait(spec, READY_TIMEOUT_S)
            announce(spec.name, "ready")

        async with asyncio.TaskGroup() as group:
            for spec in specs:
                group.create_task(wait_for(spec))


async def _unless_dead(mesh: LocalMesh, readiness: Coroutine[None, None, None]) -> None:
    # A process that dies while starting says why in its log: better than a time-out a minute later.
    waiting = asyncio.ensure_future(readiness)
    death = asyncio.ensure_future(mesh.first_death())
    try:
        await asyncio.wait((waiting, death), return_when=asyncio.FIRST_COMPLETED)
        if death.done():
            raise ProcessFailed(death.result().death_notice())
        await waiting
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    finally:
        for task in (waiting, death):
            task.cancel()
        await asyncio.gather(waiting, death, return_exceptions=True)


async def end(mesh: LocalMesh, announce: Callable[[str, str], None]) -> None:
    """Drains and stops every process; when that is cancelled, or fails, kills those that are left."""
    try:
        await _stop(mesh, announce)
    finally:
        # Whatever came in between: impatience, a terminal that is gone. Etcd last, as in order.
        for child in reversed(mesh.children):
            child.kill()


async def _stop(mesh: LocalMesh, announce: Callable[[str, str], None]) -> None:
    # The gateway first, so that nothing new comes in; etcd last, because handing over shards needs it.
    order = {"gateway": 0, "etcd": 2}
    for stage in range(3):
        children = [child for child in mesh.children if order.get(child.spec.service, 1) == stage]
        await asyncio.gather(*(child.stop(STOP_GRACE_S) for child in children))
        for child in children:
            announce(child.spec.name, "stopped")

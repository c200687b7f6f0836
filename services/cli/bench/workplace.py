"""Where a benchmark works: a folder and processes of its own, gone when it ends, in whichever way."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.console import Refusal
from services.cli.local_mesh.layout import ProcessSpec
from services.cli.local_mesh.process import ChildProcess, ProcessFailed

STOP_GRACE_S = 10.0
_POLL_S = 0.02
_REMEDIES = {
    "redis-server": "on Debian: apt-get install redis-server",
    "redis-benchmark": "on Debian: apt-get install redis-server, which brings redis-tools",
    "h2load": "on Debian: apt-get install nghttp2-client",
}


@dataclass(slots=True)
class Workplace:
    """A folder, and the processes that were started for the benchmark."""

    folder: Path
    children: list[ChildProcess] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> ChildProcess:
        """Starts a process, its output in `<name>.log`. The kernel ends it with this one, at the latest.

        Raises `ProcessFailed` when the program cannot be run, and `Refusal` when it is not installed.
        """
        require_program(command[0])
        child = ChildProcess.start(
            ProcessSpec(
                name=name,
                service=name,
                command=command,
                environment=environment,
                log_file=self.folder / f"{name}.log",
            )
        )
        self.children.append(child)
        return child

    def start_service(self, service: str, name: str, settings: Mapping[str, str]) -> ChildProcess:
        """Starts a service of the mesh with data in this folder; `settings` are its `HONGBAO_*` variables."""
        return self.start(
            name,
            (sys.executable, "-m", f"services.{service}"),
            {
                "HONGBAO_INSTANCE": name,
                "HONGBAO_LISTEN_HOST": "127.0.0.1",
                "HONGBAO_JOURNAL_URL": f"sqlite:{self.folder / 'data'}",
                "HONGBAO_DATABASE_URL": f"sqlite:{self.folder / 'data'}",
                "HONGBAO_DRAIN_S": "0",
                **settings,
            },
        )

    async def stop(self, child: ChildProcess, grace_s: float = STOP_GRACE_S) -> None:
        """Ends one of them in order, or by force after the grace."""
        await child.stop(grace_s)
        self.children.remove(child)

    async def until_listening(self, child: ChildProcess, port: int, timeout_s: float = 60.0) -> None:
        """Returns when the process takes connections. Raises `ProcessFailed` when it ends or is late."""
        try:
            async with asyncio.timeout(timeout_s):
                while not _listens(port):
                    if child.exit_code is not None:
                        raise ProcessFailed(child.death_notice(), process=child.spec.name)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise ProcessFailed(
                f"{child.spec.name} does not listen on port {port} after {timeout_s:.0f} s",
                process=child.spec.name,
            ) from None


@contextlib.asynccontextmanager
async def workplace(folder: Path | None, *, bytes_needed: int = 0) -> AsyncIterator[Workplace]:
    """A new folder under `folder` (None: the system's temporary one), with processes that end with it.

    Raises `Refusal` when there is no such folder, or its disk has less room than is needed.
    """
    parent = _with_room(folder, bytes_needed)
    with tempfile.TemporaryDirectory(prefix="hongbao-bench-", dir=parent) as name:
        place = Workplace(Path(name))
        try:
            yield place
        finally:
            # What they wrote is thrown away: there is nothing to end in order.
            for child in reversed(place.children):
                child.kill()


def _with_room(folder: Path | None, bytes_needed: int) -> Path:
    parent = Path(tempfile.gettempdir()) if folder is None else folder.absolute()
    if not parent.is_dir():
        raise Refusal(f"there is no folder {parent}; create it, or choose another with --folder")
    free_bytes = shutil.disk_usage(parent).free
    if free_bytes < bytes_needed:
        raise Refusal(
            f"there are {free_bytes >> 20} MiB free on the disk of {parent}, and this needs "
            f"{bytes_needed >> 20}; choose another folder with --folder"
        )
    return parent


def free_port(others_above: Sequence[int] = ()) -> int:
    """A port of the loopback interface that nobody listens on now, nor on those so far above it."""
    while True:
        with contextlib.ExitStack() as probes:
            port = _bound(probes, 0)
            try:
                for distance in others_above:
                    _bound(probes, port + distance)
            except OSError:
                continue
            return port


def _bound(probes: contextlib.ExitStack, port: int) -> int:
    probe = probes.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    probe.bind(("127.0.0.1", port))
    bound: int = probe.getsockname()[1]
    return bound


def require_program(program: str) -> None:
    """Raises `Refusal`, naming Debian's package, when a program is not installed."""
    if shutil.which(program) is None:
        raise Refusal(f"{program} is not installed; {_REMEDIES.get(program, 'put it on PATH')}")


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0

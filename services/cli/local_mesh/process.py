"""Child processes that do not outlive their parent."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from services.cli.local_mesh.layout import ProcessSpec
from services.mesh.errors import ErrorKind, ServiceError

_PR_SET_PDEATHSIG = 1
_LOG_TAIL_LINES = 3


class ProcessFailed(ServiceError):
    """A process of the mesh could not start, or ended when it should not have."""

    kind = ErrorKind.UNAVAILABLE
    domain = "hongbao.cli"
    reason = "PROCESS_FAILED"


class PortTaken(ServiceError):
    """Someone else listens where the mesh wants to."""

    kind = ErrorKind.PRECONDITION
    domain = "hongbao.cli"
    reason = "PORT_TAKEN"


class ChildProcess:
    """One running process of the mesh, its output in its log file."""

    def __init__(self, spec: ProcessSpec, process: asyncio.subprocess.Process) -> None:
        self.spec = spec
        self.stopping = False
        self._process = process

    @classmethod
    async def start(cls, spec: ProcessSpec) -> ChildProcess:
        """Starts the process in a session of its own, so that a Ctrl-C reaches it only through its parent.

        Raises `ProcessFailed` when the program cannot be run.
        """
        spec.log_file.parent.mkdir(parents=True, exist_ok=True)
        with spec.log_file.open("ab") as log:
            try:
                process = await asyncio.create_subprocess_exec(
                    *spec.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **spec.environment},
                    start_new_session=True,
                    preexec_fn=_end_with_parent(os.getpid()),
                )
            except OSError as failure:
                raise ProcessFailed(
                    f"{spec.name} cannot be started: {spec.command[0]}: {failure.strerror}", process=spec.name
                ) from failure
        return cls(spec, process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative signal number when a signal ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Waits for the end and returns the exit code."""
        return await self._process.wait()

    async def stop(self, grace_s: float) -> None:
        """Asks it to drain and end, and kills it when it has not within the grace. Idempotent."""
        self.stopping = True
        if self.exit_code is not None:
            return
        self._signal(signal.SIGCONT)  # A stopped process cannot drain.
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def death_notice(self) -> str:
        """One line on how it ended and what it said last."""
        code = self.exit_code
        how = (
            f"was ended by {signal.Signals(-code).name}"
            if code is not None and code < 0
            else f"exited {code}"
        )
        said = " | ".join(_tail(self.spec.log_file)) or "it said nothing"
        return f"{self.spec.name} (pid {self.pid}) {how}: {said} (log: {self.spec.log_file})"

    def _signal(self, number: signal.Signals) -> None:
        if self.exit_code is None:
            self._process.send_signal(number)


def require_free_port(port: int, user: str, remedy: str) -> None:
    """Raises `PortTaken` when something listens on a loopback port that `user` needs."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port in TIME_WAIT after a mesh that just ended is free for our purposes.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as failure:
            raise PortTaken(f"port {port}, which {user} needs, is taken; {remedy}", port=port) from failure


def _end_with_parent(parent_pid: int) -> Callable[[], None] | None:
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):  # Only Linux has it; elsewhere an orderly stop is the only one.
        return None

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:  # The parent ended before the request was in place.
            os._exit(1)

    return ask_kernel


def _tail(path: Path) -> list[str]:
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return [line.strip() for line in lines if line.strip()][-_LOG_TAIL_LINES:]

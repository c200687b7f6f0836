"""Child processes that do not outlive their parent."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from services.cli.local_mesh import with_parent
from services.cli.local_mesh.layout import ProcessSpec
from services.mesh.errors import ErrorKind, ServiceError

_LOG_TAIL_LINES = 3
_LOG_TAIL_BYTES = 64 * 1024
_GRAVE = ("error", "critical", "fatal", "panic")
_GO_STACK = "\ngoroutine "
"""Where etcd begins to say in which line of its code it is."""
_BESIDE_THE_POINT = re.compile(r"[IWEF]\d{4} \d|WARNING: |\s|Traceback ")
"""How gRPC's own messages begin, in services and in etcd, and all of a traceback but its last line."""
_POLL_S = 0.02


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


class DiskFull(ServiceError):
    """There is too little room for the data of a mesh."""

    kind = ErrorKind.PRECONDITION
    domain = "hongbao.cli"
    reason = "DISK_FULL"


class ChildProcess:
    """One running process of the mesh, its output in its log file."""

    def __init__(self, spec: ProcessSpec, process: subprocess.Popen[bytes], log_start: int) -> None:
        self.spec = spec
        self._process = process
        self._log_start = log_start

    @classmethod
    def start(cls, spec: ProcessSpec) -> ChildProcess:
        """Starts the process in a session of its own, so that a Ctrl-C reaches it only through its parent.

        Raises `ProcessFailed` when the program cannot be run.
        """
        program = shutil.which(spec.command[0])
        if program is None:
            raise ProcessFailed(
                f"{spec.name} cannot be started: there is no program {spec.command[0]}", process=spec.name
            )
        spec.log_file.parent.mkdir(parents=True, exist_ok=True)
        asked = (os.getpid(), spec.niceness, spec.slice_us, spec.half.value)
        launcher = [sys.executable, "-I", "-S", with_parent.__file__, *map(str, asked)]
        with spec.log_file.open("ab") as log:
            log_start = log.tell()
            # Not asyncio's: uvloop's children run Python between fork and exec, which can hang beside gRPC.
            process = subprocess.Popen(  # noqa: S603 - the command comes from the layout
                [*launcher, program, *spec.command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **spec.environment},
                start_new_session=True,
            )
        return cls(spec, process, log_start)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative signal number when a signal ended it."""
        return self._process.poll()

    async def wait(self) -> int:
        """Waits for the end and returns the exit code."""
        while (code := self.exit_code) is None:  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(_POLL_S)
        return code

    async def stop(self, grace_s: float) -> None:
        """Asks it to drain and end, and kills it when it has not within the grace. Idempotent."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # A stopped process cannot drain.
        try:
            await asyncio.wait_for(self.wait(), grace_s)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.wait()

    def kill(self) -> None:
        """Ends it at once, whatever it is doing, and returns when it is gone. Idempotent."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def death_notice(self) -> str:
        """One line on how it ended and what it said last."""
        code = self.exit_code
        by_signal = code is not None and code < 0
        how = f"was ended by {signal.Signals(-code).name}" if by_signal else f"exited {code}"  # type: ignore[operator]  # see by_signal
        said = " | ".join(last_words(self.spec.log_file, self._log_start)) or "it gave no reason"
        return f"{self.spec.name} (pid {self.pid}) {how}: {said} (log: {self.spec.log_file})"

    def _signal(self, number: signal.Signals) -> None:
        if self.exit_code is None:
            self._process.send_signal(number)


def require_free_space(folder: Path, bytes_min: int) -> None:
    """Raises `DiskFull` when the disk of a folder has less room than that."""
    free = shutil.disk_usage(folder).free
    if free < bytes_min:
        raise DiskFull(
            f"there are {free >> 20} MiB free on the disk of {folder}, and a mesh needs {bytes_min >> 20}; "
            "make room, or choose another folder with --home",
            folder=folder,
            free_bytes=free,
        )


def require_free_port(port: int, user: str, remedy: str) -> None:
    """Raises `PortTaken` when something listens on a loopback port that `user` needs."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port in TIME_WAIT after a mesh that just ended is free for our purposes.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as failure:
            raise PortTaken(f"port {port}, which {user} needs, is taken; {remedy}", port=port) from failure


def last_words(log_file: Path, start: int = 0) -> list[str]:
    """What in a log may say why its process ended: plain lines and errors, the last few, from a byte on."""
    if not log_file.exists():
        return []
    with log_file.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(start, size - _LOG_TAIL_BYTES))
        lines = log.read().decode(errors="replace").partition(_GO_STACK)[0].splitlines()
    words = (_words(line.rstrip()) for line in lines)
    return [said for said in words if said][-_LOG_TAIL_LINES:]


def _words(line: str) -> str:
    if _BESIDE_THE_POINT.match(line):
        return ""
    if not line.startswith("{"):
        return line
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if entry.get("level") not in _GRAVE:
        return ""
    # Ours, or etcd's.
    facts = [entry.get("event") or entry.get("msg"), entry.get("error")]
    return ": ".join(str(fact) for fact in facts if fact)

"""The file that tells other commands where a running mesh is: `<home>/mesh.json`, guarded by a lock."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from services.mesh.errors import ErrorKind, ServiceError

_RECORD = "mesh.json"
_LOCK = "mesh.lock"


class MeshRunning(ServiceError):
    """The folder already belongs to a running mesh."""

    kind = ErrorKind.PRECONDITION
    domain = "hongbao.cli"
    reason = "MESH_RUNNING"


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process of the mesh, for reports."""

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class MeshRecord:
    """How to reach a running mesh."""

    etcd_endpoint: str
    gateway_address: str
    traces: str
    """Folder of the span files."""
    processes: Sequence[RunningProcess]

    def save(self, home: Path) -> None:
        """Writes the record whole or not at all."""
        draft = home / f".{_RECORD}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(self), indent=2))
        draft.replace(home / _RECORD)


class HomeLock:
    """Holds the home folder for one mesh; the kernel lets go of it however the process ends."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Raises `MeshRunning` when another mesh holds the folder."""
        self._home.mkdir(parents=True, exist_ok=True)
        file = os.open(self._home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as failure:
            os.close(file)
            raise MeshRunning(
                f"a mesh already runs in {self._home}; use it, or end it with Ctrl-C where it was started",
                home=self._home,
            ) from failure
        self._file = file
        return self

    def __exit__(self, *_: object) -> None:
        (self._home / _RECORD).unlink(missing_ok=True)
        if self._file is not None:
            os.close(self._file)
            self._file = None


def find_mesh(home: Path) -> MeshRecord | None:
    """The mesh that runs in a folder, None when there is none (a record left by a crash is not believed)."""
    if not (home / _LOCK).exists() or not (home / _RECORD).exists():
        return None
    with (home / _LOCK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(home / _RECORD)
    return None


def _read(path: Path) -> MeshRecord:
    content = json.loads(path.read_text())
    processes = [RunningProcess(**process) for process in content.pop("processes")]
    return MeshRecord(**content, processes=processes)

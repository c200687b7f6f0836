"""The file that tells other commands where a running mesh is: `<home>/mesh.json`, guarded by a lock."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from services.mesh.errors import ErrorKind, ServiceError

_RECORD = "mesh.json"
_LOCK = "mesh.lock"
_LOCK_ATTEMPTS = 5
_LOCK_PAUSE_S = 0.02


class MeshRunning(ServiceError):
    """The folder already belongs to a running mesh, or to one that starts or ends. Metadata: `home`."""

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
    lane_addresses: Mapping[str, str] = field(default_factory=dict)
    """Which gateway answers which lane: host:port."""

    def save(self, home: Path) -> None:
        """Tells other commands where the mesh is; writes the record whole or not at all."""
        draft = home / f".{_RECORD}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(self), indent=2))
        draft.replace(home / _RECORD)


def withdraw(home: Path) -> None:
    """Takes the record away: other commands do not find the mesh any more. Idempotent."""
    (home / _RECORD).unlink(missing_ok=True)


class HomeLock:
    """Holds the home folder for one mesh; the kernel lets go of it however the process ends."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Raises `MeshRunning` when another mesh holds the folder."""
        self._home.mkdir(parents=True, exist_ok=True)
        file = os.open(self._home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not _locks(file):
            os.close(file)
            raise MeshRunning(_who_holds(self._home), home=self._home)
        self._file = file
        # One that a crash left behind must not be believed while this mesh is starting.
        withdraw(self._home)
        return self

    def __exit__(self, *_: object) -> None:
        withdraw(self._home)
        if self._file is not None:
            os.close(self._file)
            self._file = None


def find_mesh(home: Path) -> MeshRecord | None:
    """The mesh that runs in a folder, None when there is none (a record left by a crash is not believed)."""
    return _read(home / _RECORD) if is_held(home) else None


def is_held(home: Path) -> bool:
    """Whether a mesh holds the folder: one that runs, starts or ends."""
    if not (home / _LOCK).exists():
        return False
    with (home / _LOCK).open("rb") as file:
        return not _locks(file.fileno(), fcntl.LOCK_SH)


def _locks(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    # Whoever only looks holds the lock for a moment, too: a mesh has it for much longer.
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
        else:
            return True
    return False


def _who_holds(home: Path) -> str:
    if (home / _RECORD).exists():
        return f"a mesh already runs in {home}; use it, or end it with Ctrl-C where it was started"
    return f"a mesh is starting or ending in {home}; try again when it has"


def _read(path: Path) -> MeshRecord | None:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    processes = [RunningProcess(**process) for process in content.pop("processes")]
    return MeshRecord(**content, processes=processes)

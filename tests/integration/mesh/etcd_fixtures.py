"""Real etcd servers on loopback for tests, ended by their process ids whatever the test does."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from services.mesh.clock import SystemClock
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import EtcdUnavailable
from services.mesh.etcd.process import EtcdFiles, EtcdMember, etcd_command, find_etcd
from services.mesh.etcd.transport import EtcdLimits, EtcdTls

HEARTBEAT_MS = 20
ELECTION_MS = 200


class SkippingClock(SystemClock):
    """A clock that can have gone on while nothing of its process ran."""

    skipped_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.skipped_s


class EtcdServer:
    """One etcd process; use it as a context so that it never outlives the test."""

    def __init__(
        self, member: EtcdMember, cluster: Sequence[EtcdMember] = (), files: EtcdFiles | None = None
    ) -> None:
        self.member = member
        self.endpoint = member.endpoint
        self._command = etcd_command(
            find_etcd(),
            member,
            cluster,
            heartbeat_ms=HEARTBEAT_MS,
            election_ms=ELECTION_MS,
            is_durable=False,
            files=files,
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.member.data_folder.with_suffix(".log").open("ab")
        with log:
            # Our own arguments; nothing of it comes from outside.
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)  # noqa: S603 - see above

    def kill(self) -> None:
        """As a crash of the machine would: no goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # Threads stop one after another; this returns when all have.
        os.waitpid(self._process.pid, os.WUNTRACED)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()


def members_in(folder: Path, count: int) -> list[EtcdMember]:
    ports = free_ports(2 * count)
    return [
        EtcdMember(f"m{number}", folder / f"m{number}", ports[2 * number], ports[2 * number + 1])
        for number in range(count)
    ]


@asynccontextmanager
async def running_etcd(
    folder: Path, count: int = 1, files: EtcdFiles | None = None
) -> AsyncIterator[list[EtcdServer]]:
    """Starts that many servers as one cluster, and returns when it answers."""
    members = members_in(folder, count)
    async with AsyncExitStack() as stack:
        servers = [stack.enter_context(EtcdServer(member, members, files)) for member in members]
        tls = EtcdTls(files.ca_file, files.cert_file, files.key_file) if files else None
        for server in servers:
            async with EtcdClient([server.endpoint], tls=tls, limits=EtcdLimits(timeout_s=10.0)) as client:
                await eventually(partial(_answers, client), timeout_s=15.0)
        yield servers


@contextmanager
def shared_etcd(folder: Path) -> Iterator[EtcdServer]:
    """One server for many tests that leave it alone; synchronous, so that it may outlive an event loop."""
    with EtcdServer(members_in(folder, 1)[0]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.member.client_port, timeout=1.0)
        ends_s = time.monotonic() + 15.0
        while True:
            try:
                connection.request("GET", "/health")
                if connection.getresponse().read() == b'{"health":"true","reason":""}':
                    break
            except OSError:
                connection.close()
            assert time.monotonic() < ends_s, "etcd did not become healthy"
            time.sleep(0.02)
        connection.close()
        yield server


async def _answers(client: EtcdClient) -> bool:
    try:
        await client.get("/ready")
    except EtcdUnavailable:
        return False
    return True


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, timeout_s: float = 10.0, poll_s: float = 0.01
) -> None:
    """Waits until the condition holds; fails with a TimeoutError when it never does."""
    async with asyncio.timeout(timeout_s):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(poll_s)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()

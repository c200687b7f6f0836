"""A small mesh of real processes, one of which is told where to die, and comes back without being told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from services.cli.proofs.ledger.audit import LedgerAudit
from services.mesh.channel import ChannelFactory
from services.mesh.etcd.client import EtcdClient
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.groups import ShardGroups
from services.mesh.shards.records import ServiceKeys
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.watched_map import EtcdShardMap

SHARDS = 2
"""Of allocation; settlement has one."""
LEASE_TTL_S = 30
PATIENCE_S = 60.0
ROOT = Path(__file__).resolve().parents[3]


class Nursery:
    """Starts processes of services in no time: see nursery.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, service: str, log: Path, environment: Mapping[str, str]) -> int:
        """Returns the process id."""
        assert self._process.stdin is not None
        order = {"service": service, "log": str(log), "environment": environment}
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        return int(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the nursery has ended: {self._process.wait()}"
        return line


@contextmanager
def open_nursery() -> Iterator[Nursery]:
    # Threads of a library that computes in parallel would be lost by forking.
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.crashes.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        nursery = Nursery(process)
        assert nursery._answer() == "loaded\n"
        yield nursery
        assert process.stdin is not None
        process.stdin.close()


@dataclass(slots=True)
class Process:
    """A process of the mesh."""

    service: str
    name: str
    pid: int
    log: Path
    died: asyncio.Event = field(default_factory=asyncio.Event)

    def died_at(self, point: str) -> bool:
        """Whether it was a failpoint that ended it."""
        return f"failpoint {point}: killed" in self.log.read_text()


def expect_as_written(folder: Path, shard_count: int) -> None:
    """Whoever died where: what the ledger has stored is as it was written, snapshots and statements too."""
    places = ShardGroups.parse(f"sqlite:{folder}")
    audited = LedgerAudit(places, places, shard_count, None).run(lambda *_: None)
    assert audited is None or not audited.findings, audited.findings


class CrashMesh:
    """etcd is shared by all tests, everything else is this test's own."""

    def __init__(self, nursery: Nursery, endpoint: str, folder: Path, shards: int = SHARDS) -> None:
        self.shards = shards
        self.victims: list[Process] = []
        """Those who died, in order."""
        self.processes: dict[str, Process] = {}
        self._nursery = nursery
        self._endpoint = endpoint
        self._folder = folder
        self._stack = AsyncExitStack()
        self._revivals: set[asyncio.Task[None]] = set()
        self._environment = {
            "HONGBAO_ETCD_ENDPOINTS": endpoint,
            "HONGBAO_JOURNAL_URL": f"sqlite:{folder}",
            "HONGBAO_DATABASE_URL": f"sqlite:{folder}",
            "HONGBAO_ALLOCATION_SHARDS": str(shards),
            "HONGBAO_CARDS_SHARDS": "1",
            "HONGBAO_SETTLEMENT_SHARDS": "1",
            "HONGBAO_PEOPLE_KNOWN": "everybody",
            # A machine under load must not lose a lease by itself; those of the dead are ended by hand.
            "HONGBAO_LEASE_TTL_S": str(LEASE_TTL_S),
            "HONGBAO_SNAPSHOT_EVERY_RECORDS": "3",
            "HONGBAO_CLOSING_POLL_MS": "20",
            "HONGBAO_BACKOFF_MS_MAX": "100",
            "HONGBAO_LEFTOVER_TICK_MS": "20",
            "HONGBAO_LEFTOVER_PAUSE_MS_MAX": "100",
            "HONGBAO_LEFTOVER_RESERVE_MS": "100",
            "HONGBAO_LEFTOVER_PACKETS_MIN": "4",
            "HONGBAO_ENVELOPE_EXPIRY_MS": "1500",
            "HONGBAO_DRAIN_S": "0",
            "HONGBAO_LOG_LEVEL": "warning",
        }
        self.routers: dict[str, ShardRouter] = {}
        self._death = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.etcd = await self._stack.enter_async_context(EtcdClient([self._endpoint]))
        await self.etcd.delete_prefix("/hongbao/")
        settings = MeshSettings(backoff_ms_max=100, deadline_default_ms=10_000)
        self.operator = ChannelFactory(settings, "operator")
        self.gateway = ChannelFactory(settings, "gateway")
        for channels in (self.operator, self.gateway):
            self._stack.push_async_callback(channels.close)
        for service, shards in (("allocation", self.shards), ("settlement", 1)):
            shard_map = EtcdShardMap(self.etcd, service, shards)
            self._stack.push_async_callback(shard_map.close)
            await shard_map.start()
            self.routers[service] = ShardRouter(shard_map, backoff_ms_max=100)
        return self

    async def __aexit__(self, *failure: object) -> None:
        for revival in self._revivals:
            revival.cancel()
        for process in list(self.processes.values()):
            os.kill(process.pid, signal.SIGKILL)
            await process.died.wait()
        await self._stack.aclose()
        if failure[0] is None:
            expect_as_written(self._folder, int(self._environment["HONGBAO_SETTLEMENT_SHARDS"]))

    def start(self, service: str, name: str, point: str = "") -> Process:
        """Starts a process; one that is to die at `point` (as `name@times`) comes back when it has."""
        log = self._folder / f"{name}.log"
        environment = {**self._environment, "HONGBAO_INSTANCE": name}
        if point:
            where, _, times = point.partition("@")
            environment["HONGBAO_FAILPOINTS"] = f"{where}=kill@{times or 1}"
            environment["HONGBAO_FAILPOINTS_ALLOWED"] = "1"
        process = Process(service, name, self._nursery.start(service, log, environment), log)
        self.processes[name] = process
        self._watch(process)
        if point:
            revival = asyncio.create_task(self._revive(process))
            self._revivals.add(revival)
            revival.add_done_callback(self._revivals.discard)
        return process

    def tune(self, environment: Mapping[str, str]) -> None:
        """Gives processes that start from now on these settings."""
        self._environment.update(environment)

    def drain(self, name: str) -> None:
        """Asks a process to hand over what it has, and to end."""
        os.kill(self.processes[name].pid, signal.SIGTERM)

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Directory]:
        """Where social is."""
        directory = Directory(self.etcd)
        await directory.start(["social"])
        try:
            yield directory
        finally:
            await directory.close()

    def owners(self) -> dict[int, str]:
        """The instance that callers find each shard of allocation at."""
        return {shard: owner.instance for shard, owner in self.routers["allocation"].map.owners().items()}

    async def until_shared(self, *names: str) -> None:
        """Waits until these instances own all shards of allocation, within one of one another."""
        shard_map = self.routers["allocation"].map
        async with asyncio.timeout(PATIENCE_S):
            while True:
                version = shard_map.version
                shares = Counter(self.owners().values())
                if (
                    set(shares) == set(names)
                    and shares.total() == self.shards
                    and (max(shares.values()) - min(shares.values()) <= 1)
                ):
                    return
                await shard_map.changed(version)

    async def victim_died(self) -> None:
        """Waits until the one that was to die has."""
        async with asyncio.timeout(PATIENCE_S):
            await self._death.wait()

    def _watch(self, process: Process) -> None:
        """Has the kernel tell when a process is gone."""
        loop = asyncio.get_running_loop()
        descriptor = os.pidfd_open(process.pid)

        def gone() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self.processes.pop(process.name)
            process.died.set()

        loop.add_reader(descriptor, gone)

    async def _revive(self, victim: Process) -> None:
        await victim.died.wait()
        self.victims.append(victim)
        self._death.set()
        await self.end_lease(victim)
        self.start(victim.service, f"{victim.name}-again")

    async def end_lease(self, process: Process) -> None:
        """Ends the lease of a process at once: waiting for that is not what these tests are about."""
        member = await self.etcd.get(ServiceKeys(process.service).member(process.name))
        if member is not None:
            await self.etcd.revoke(member.lease_id)

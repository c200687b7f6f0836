"""`hongbao bench failover`: how long callers wait when a shard changes hands, planned or not."""

from __future__ import annotations

import asyncio
import time
import timeit
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from services.allocation.domain.values import Packets
from services.cli.bench.allocation_process import CAMPAIGN, channels_of
from services.cli.bench.claim_run import say
from services.cli.bench.failover_load import Asked, SteadyLoad
from services.cli.bench.failover_mesh import START_TIMEOUT_S, FailoverMesh, Handover, running_mesh
from services.cli.bench.failover_proof import Proof, prove
from services.cli.bench.latency import latencies
from services.cli.bench.options import Folder, ReportFile, ShardCount
from services.cli.bench.report import ZERO, Report, Target
from services.cli.bench.workplace import workplace
from services.cli.console import run
from services.mesh.failpoints import failpoint

EXAMPLES = (
    "Examples: `hongbao bench failover` &nbsp; `hongbao bench failover --handoffs 20 --crashes 1` &nbsp; "
    "`hongbao bench failover --winners 1000000 --report failover.json`"
)

HANDOFF_P99_MS_MAX = 250.0
CRASH_RESUME_BEYOND_LEASE_S = 1.0
ROUND = "round-1"
STAYS, COMES = "allocation-1", "allocation-2"
_PACKETS_PER_SHARD = 250_000
_SETTLE_S = 1.0
"""Steady load before anything happens, and after it."""
_POLL_S = 0.005
_FAILPOINT_CALLS = 1_000_000
_BYTES_NEEDED = 2 << 30


def bench_failover(
    handoffs: Annotated[
        int, typer.Option(min=1, max=10_000, help="Planned handoffs, at least so many.")
    ] = 100,
    crashes: Annotated[int, typer.Option(min=1, max=100, help="How often a process is killed.")] = 3,
    claims_per_s: Annotated[
        int, typer.Option("--claims", min=100, max=1_000_000, help="Claims a second meanwhile.")
    ] = 5_000,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Claims in a batch.")] = 20,
    winners: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Winners that each shard has from the beginning.")
    ] = 20_000,
    lease: Annotated[int, typer.Option(min=2, max=60, help="Lease of an owner, seconds.")] = 3,
    shards: ShardCount = 16,
    folder: Folder = None,
    report: ReportFile = None,
) -> None:
    """Moves shards between two allocation processes under load, kills one of them, and compares every packet.

    Real processes, a real etcd, claims over `ClaimBatch` by callers that follow the shards. A process joins
    and drains again and again; then it is killed with SIGKILL. Exits with 1 when an acknowledged win is
    missing, or somebody or some packet was won twice, or a caller was told of an error.
    """
    if shards == 1:
        raise typer.BadParameter("one shard stays where it is: shards must be 2 or more")
    options = Options(handoffs, crashes, claims_per_s, batch, winners, lease, shards)
    found = Report("failover", options.shown())
    run(measure_failover(found, options, folder))
    if not found.finish(report):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Options:
    """What the bench was run with."""

    handoffs: int
    crashes: int
    claims_per_s: int
    batch: int
    winners: int
    lease_s: int
    shards: int

    def shown(self) -> dict[str, int]:
        """As the report has it."""
        return asdict(self)


@dataclass(slots=True)
class Events:
    """What was done to the processes, and what callers saw of it."""

    begun_s: float
    """When the steady load began, on the monotonic clock."""
    planned: list[Handover] = field(default_factory=list)
    resumed_s: list[float] = field(default_factory=list)
    """For each crash: from the kill until the last of the shards answered again."""


async def measure_failover(report: Report, options: Options, folder: Path | None) -> None:
    """Runs it and fills the report."""
    async with (
        workplace(folder, bytes_needed=_BYTES_NEEDED) as place,
        running_mesh(place, options.shards, options.lease_s) as mesh,
    ):
        mesh.join(STAYS)
        await mesh.until_balanced()
        await mesh.prepare(ROUND, _part(options))
        async with steady_load(mesh, options) as load:
            say(f"{options.winners:,} winners on each of {options.shards} shards")
            await load.fill(options.winners)
            events = await _under_load(mesh, load, options)
        say("comparing every packet")
        proof = await prove(mesh, load.answered, f"{CAMPAIGN}.{ROUND}")
    _fill(report, options, events, load, proof)


@asynccontextmanager
async def steady_load(mesh: FailoverMesh, options: Options) -> AsyncIterator[SteadyLoad]:
    """Callers with streams to the owners."""
    channels = channels_of("gateway")
    every_s = options.batch * options.shards / options.claims_per_s
    load = SteadyLoad(mesh.router, channels, f"{CAMPAIGN}.{ROUND}", options.batch, every_s)
    try:
        yield load
    finally:
        await load.close()
        await channels.close()


async def _under_load(mesh: FailoverMesh, load: SteadyLoad, options: Options) -> Events:
    events = Events(begun_s=time.monotonic())
    sending = asyncio.create_task(load.run())
    try:
        await asyncio.sleep(_SETTLE_S)
        await _hand_over(mesh, options.handoffs, events)
        mesh.join(COMES)
        await mesh.until_balanced()
        for number in range(options.crashes):
            await asyncio.sleep(_SETTLE_S)
            events.resumed_s.append(await _crash(mesh, load))
            say(f"crash {number + 1} of {options.crashes}: back after {events.resumed_s[-1]:.2f} s")
            mesh.join(COMES)
            await mesh.until_balanced()
        await asyncio.sleep(_SETTLE_S)
    finally:
        sending.cancel()
        await sending
    return events


async def _hand_over(mesh: FailoverMesh, handoffs: int, events: Events) -> None:
    """Lets a process join and drain until that many shards have moved."""
    first = len(mesh.handovers)
    while len(mesh.handovers) - first < handoffs:
        mesh.join(COMES)
        await mesh.until_balanced()
        await mesh.drain(COMES)
        await mesh.until_balanced()
        say(f"{len(mesh.handovers) - first} of {handoffs} handoffs")
    events.planned = mesh.handovers[first:]


async def _crash(mesh: FailoverMesh, load: SteadyLoad) -> float:
    """Kills a process; returns the time until every shard that it had has answered again, seconds."""
    shards, first = set(mesh.owned_by(COMES)), len(mesh.handovers)
    killed_s = mesh.kill(COMES)
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            arrived_s = {moved.shard: moved.arrived_s for moved in mesh.handovers[first:]}
            if shards <= arrived_s.keys():
                resumed_s = [load.first_answer_s(shard, arrived_s[shard]) for shard in shards]
                if None not in resumed_s:
                    return max(answered_s for answered_s in resumed_s if answered_s is not None) - killed_s
            await asyncio.sleep(_POLL_S)


def _part(options: Options) -> Packets:
    count = options.winners + _PACKETS_PER_SHARD
    return Packets(count, count * 167, 1, 880)


def _fill(report: Report, options: Options, events: Events, load: SteadyLoad, proof: Proof) -> None:
    pauses = latencies(pause / 1000 for pause in pauses_ms(events.planned, load.answered))
    steadily = [asked for asked in load.answered if asked.sent_s >= events.begun_s]
    of_batches = latencies(asked.took_ms / 1000 for asked in steadily)
    report.add(
        "handoff_p99_ms",
        pauses.p99_ms,
        "99 of 100 planned handoffs kept nobody waiting longer, milliseconds",
        Target(at_most=HANDOFF_P99_MS_MAX),
    )
    report.add("handoff_p50_ms", pauses.p50_ms, "half of them, milliseconds")
    report.add("handoff_max_ms", pauses.max_ms, "the longest, milliseconds")
    report.add("handoffs", len(events.planned), "planned handoffs that were measured")
    report.add(
        "crash_resume_s",
        round(max(events.resumed_s), 3),
        "from SIGKILL until every shard answered again, the slowest, seconds",
        Target(at_most=options.lease_s + CRASH_RESUME_BEYOND_LEASE_S),
    )
    report.add("lease_s", options.lease_s, "lease of an owner, seconds")
    report.add("crashes", len(events.resumed_s), "processes that were killed")
    report.add("claims", proof.told, "claims that won while all this went on and before")
    report.add("p50_ms", of_batches.p50_ms, "half of all batches were answered within, milliseconds")
    report.add("p99_ms", of_batches.p99_ms, "99 of 100 batches, crashes included, milliseconds")
    report.add("lost_acknowledged", proof.lost, "acknowledged wins that are not on record", ZERO)
    report.add("double_allocated", proof.twice, "people or packets that won twice", ZERO)
    report.add("errors", len(load.failed), "batches that callers got no answer to", ZERO)
    report.add("refused", proof.refused, "claims that were told anything but that they won", ZERO)
    report.add("failpoint_off_ns", failpoint_off_ns(), "cost of a failpoint that is not armed, nanoseconds")


def pauses_ms(handovers: Sequence[Handover], answered: Sequence[Asked]) -> list[float]:
    """For each handover: how long the batch took that waited longest for it, milliseconds.

    At least as long as callers saw no owner, if no batch happened to be there.
    """
    by_shard: dict[int, list[Asked]] = defaultdict(list)
    for asked in answered:
        by_shard[asked.shard].append(asked)
    return [
        max(
            moved.without_owner_ms,
            *(
                asked.took_ms
                for asked in by_shard[moved.shard]
                if asked.sent_s <= moved.arrived_s and asked.answered_s >= moved.left_s
            ),
            0.0,
        )
        for moved in handovers
    ]


def failpoint_off_ns() -> float:
    """What passing a place costs that nobody armed, nanoseconds: the loop around it is taken off."""
    passing_s = min(timeit.repeat(lambda: failpoint("claim.decided"), number=_FAILPOINT_CALLS, repeat=3))
    nothing_s = min(timeit.repeat(lambda: None, number=_FAILPOINT_CALLS, repeat=3))
    return round((passing_s - nothing_s) / _FAILPOINT_CALLS * 1e9, 1)

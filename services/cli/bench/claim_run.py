"""A load of claims on one allocation process, and the proof that what was acknowledged is kept."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

import numpy as np

from services.allocation.domain.values import Packets
from services.cli.bench.allocation_process import (
    CAMPAIGN,
    AllocationProcess,
    channels_of,
    prepare_part,
    start_allocation,
    won_packets,
)
from services.cli.bench.claim_load import Answers, Batch, Tally, people_of_shards, send
from services.cli.bench.claim_plan import Plan
from services.cli.bench.report import Report
from services.cli.bench.workplace import Workplace
from services.cli.console import CONSOLE
from services.mesh.channel import ChannelFactory

STOCK = "round-1"
SOLD_OUT = "sold-out"
STOCK_ID = f"{CAMPAIGN}.{STOCK}"
SOLD_OUT_ID = f"{CAMPAIGN}.{SOLD_OUT}"
START_TIMEOUT_S = 120.0
RECOVER_TIMEOUT_S = 900.0
WARM_UP_BATCHES = 50
_SAY_EVERY_S = 5.0


@dataclass(slots=True)
class LoadResult:
    """What a load came to."""

    answers: Answers
    tally: Tally
    resident_before_bytes: int
    """Of the process, before it was given the stock."""
    resident_after_bytes: int
    """With all winners in it."""
    full_sync_journals: int
    """Journals that the process has open with full sync, as their own connections say."""
    commits: int
    """Commits of the journals during the load."""
    cpu_s: float
    """Processor time that the process took for the load, all threads."""
    load_cpu_s: float
    """Processor time that the load generator took."""


@dataclass(slots=True)
class RecoveryResult:
    """What a fresh process knew after the first one was killed."""

    recover_s: float
    lost: int
    """Packets that somebody was told of and that are not theirs, with that amount, any more."""
    unexplained: int
    """Packets that are somebody's and that nobody was told of."""


async def run_load(process: AllocationProcess, plan: Plan, window: int) -> LoadResult:
    """Prepares the stock, sends the load, and reads what everybody was told."""
    allocation, gateway = channels_of("allocation"), channels_of("gateway")
    try:
        await _sell_out(allocation, gateway, process.address, len(plan.parts))
        before = process.resident_bytes
        say(f"preparing {plan.wins:,} packets on {len(plan.parts)} shards")
        for shard, part in enumerate(plan.parts):
            await prepare_part(allocation, process.address, STOCK, shard, part)
        commits = await process.metric("hongbao_journal_commit_seconds_count")
        cpu_s, load_cpu_s = process.cpu_s, time.process_time()
        say(f"sending {plan.claims:,} claims over {len(plan.lanes)} streams")
        answers = await send(gateway, process.address, plan.lanes, window, Progress(plan.claims).add)
        cpu_s, load_cpu_s = process.cpu_s - cpu_s, time.process_time() - load_cpu_s
        after = process.resident_bytes
        commits = await process.metric("hongbao_journal_commit_seconds_count") - commits
        full_sync = await process.metric("hongbao_journal_full_sync")
    finally:
        await allocation.close()
        await gateway.close()
    say(f"answered in {answers.took_s:.1f} s; reading the answers")
    return LoadResult(
        answers, tally_of(plan, answers), before, after, int(full_sync), int(commits), cpu_s, load_cpu_s
    )


async def kill_and_recover(
    place: Workplace, process: AllocationProcess, plan: Plan, tally: Tally
) -> RecoveryResult:
    """Kills the process, starts a fresh one on its journals, and compares its packets with the answers."""
    process.kill()
    say("killed; a fresh process recovers from the journals")
    fresh = await start_allocation(place, "allocation-2", len(plan.parts), RECOVER_TIMEOUT_S)
    say(f"recovered in {fresh.ready_s:.1f} s; comparing every packet")
    channels = channels_of("operator")
    lost = unexplained = 0
    try:
        for shard, part in enumerate(plan.parts):
            told_people, told_fen = tally.winners(shard, part.count)
            pages = [page async for page in won_packets(channels, fresh.address, STOCK_ID, shard)]
            people = np.concatenate([page[0] for page in pages])
            amounts = np.concatenate([page[1] for page in pages])
            known = len(people)
            told = told_people[:known] != 0
            same = (people == told_people[:known]) & (amounts == told_fen[:known])
            lost += int((told_people != 0).sum()) - int((told & same).sum())
            unexplained += int((~told).sum())
    finally:
        await channels.close()
    fresh.kill()
    return RecoveryResult(fresh.ready_s, lost, unexplained)


def add_cost(report: Report, plan: Plan, load: LoadResult) -> None:
    """Adds where the processors' time went."""
    per_claim = 1e6 / plan.claims
    report.add("cpu_us_per_claim", round(load.cpu_s * per_claim, 3), "processor time of allocation, by claim")
    report.add("load_cpu_us_per_claim", round(load.load_cpu_s * per_claim, 3), "and of the load generator")


def tally_of(plan: Plan, answers: Answers) -> Tally:
    """What everybody was told."""
    tally = Tally()
    for lane in plan.lanes:
        for batch in lane:
            tally.count(batch, answers.raw[batch.batch_id])
    return tally


def people_twice(tally: Tally) -> int:
    """How many wins are of somebody who has won already."""
    twice = 0
    for wins in tally.wins_per_shard.values():
        # A person belongs to one shard.
        people = np.concatenate([people for people, _, _ in wins])
        twice += len(people) - len(np.unique(people))
    return twice


class Progress:
    """Says now and then how far a load is; plain lines, for logs as well as for screens."""

    def __init__(self, claims: int, what: str = "claims") -> None:
        self._claims = claims
        self._what = what
        self._done = 0
        self._begun_s = self._said_s = time.perf_counter()

    def add(self, claims: int) -> None:
        """So many more were answered."""
        self._done += claims
        now_s = time.perf_counter()
        if now_s - self._said_s >= _SAY_EVERY_S:
            self._said_s = now_s
            rate = self._done / (now_s - self._begun_s)
            say(f"  {self._done / self._claims:4.0%}  {rate:,.0f} {self._what} a second")


def say(line: str) -> None:
    """Says what is going on."""
    CONSOLE.print(line, highlight=False, markup=False, soft_wrap=True)


async def _sell_out(allocation: ChannelFactory, gateway: ChannelFactory, address: str, shards: int) -> None:
    """Prepares a stock of a few packets for each shard and has them won: it warms up, and then refuses."""
    people = people_of_shards(shards, [WARM_UP_BATCHES] * shards)
    for shard in range(shards):
        await prepare_part(allocation, address, SOLD_OUT, shard, Packets(1, 1, 1, 1))
    numbers = itertools.count(1)
    lane = [
        Batch(next(numbers), SOLD_OUT_ID, shard, people[shard][number : number + 1])
        for shard in range(shards)
        for number in range(WARM_UP_BATCHES)
    ]
    await send(gateway, address, [lane], 32, lambda _: None)

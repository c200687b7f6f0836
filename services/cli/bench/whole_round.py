"""`hongbao bench round`: the whole first round of 2016 on one machine, and its recovery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.bench.allocation_process import start_allocation
from services.cli.bench.claim_plan import ROUND_PACKETS, Mix, plan_load
from services.cli.bench.claim_run import (
    SOLD_OUT_ID,
    START_TIMEOUT_S,
    STOCK_ID,
    add_cost,
    kill_and_recover,
    people_twice,
    run_load,
    say,
)
from services.cli.bench.latency import latencies
from services.cli.bench.options import BatchClaims, Folder, ReportFile, ShardCount, Streams, Window
from services.cli.bench.report import ZERO, Report, Target
from services.cli.bench.workplace import workplace
from services.cli.console import run

EXAMPLES = (
    "Examples: `hongbao bench round` &nbsp; `hongbao bench round --packets 200000` &nbsp; "
    "`hongbao bench round --folder /mnt/fast --report round.json`"
)

WON_S_MAX = 300.0
RECOVER_S_MAX = 60.0
BYTES_PER_WINNER_MAX = 64.0
_JOURNAL_BYTES_PER_PACKET = 30
_JOURNAL_BYTES_MIN = 512 << 20


def bench_round(
    packets: Annotated[
        int, typer.Option(min=1_024, max=100_000_000, help="How many packets; each is won.")
    ] = ROUND_PACKETS,
    shards: ShardCount = 16,
    batch: BatchClaims = 2_000,
    streams: Streams = 4,
    window: Window = 8,
    folder: Folder = None,
    report: ReportFile = None,
) -> None:
    """Lets a whole round be won, kills the process, recovers it from its journals, and compares every packet.

    100,000,000 yuan in 60,000,000 packets unless `--packets` scales it down. One allocation process, the
    real `ClaimBatch` contract, SQLite journals with full sync. Exits with 1 when a fen or a packet is wrong.
    """
    found = Report("round", {"packets": packets, "shards": shards, "batch": batch, "streams": streams})
    run(measure_round(found, packets, shards, batch, streams, window, folder))
    if not found.finish(report):
        raise typer.Exit(1)


async def measure_round(
    report: Report, packets: int, shards: int, batch: int, streams: int, window: int, folder: Path | None
) -> None:
    """Runs it and fills the report."""
    disk_bytes = _JOURNAL_BYTES_MIN + packets * _JOURNAL_BYTES_PER_PACKET
    async with workplace(folder, bytes_needed=disk_bytes) as place:
        process = await start_allocation(place, "allocation", shards, START_TIMEOUT_S)
        say(f"allocation (pid {process.child.pid}) serves {shards} shards; data in {place.folder}")
        plan = plan_load(packets, shards, batch, streams, Mix(), STOCK_ID, SOLD_OUT_ID)
        load = await run_load(process, plan, window)
        recovery = await kill_and_recover(place, process, plan, load.tally)
        journal_bytes = sum(file.stat().st_size for file in (place.folder / "data").rglob("*.db*"))
    tally, took_s = load.tally, load.answers.took_s
    of_batches = latencies(load.answers.latencies_s)
    per_winner = (load.resident_after_bytes - load.resident_before_bytes) / packets
    # A small round shows what a process needs anyway, not what a winner needs.
    is_whole = packets >= ROUND_PACKETS
    report.add("packets", tally.wins, "packets won")
    report.add("wins_per_s", round(tally.wins / took_s), "durable wins a second", Target(at_least=200_000))
    report.add("won_s", round(took_s, 2), "until all were won, seconds", Target(at_most=WON_S_MAX))
    report.add("p50_ms", of_batches.p50_ms, "half of the batches were answered within, milliseconds")
    report.add("p99_ms", of_batches.p99_ms, "99 of 100 batches were, milliseconds")
    add_cost(report, plan, load)
    report.add(
        "recover_s",
        round(recovery.recover_s, 2),
        "from the start of a fresh process until it served all shards, seconds",
        Target(at_most=RECOVER_S_MAX),
    )
    report.add(
        "bytes_per_winner",
        round(per_winner, 1),
        "growth of resident memory, by winner",
        Target(at_most=BYTES_PER_WINNER_MAX) if is_whole else None,
    )
    report.add("resident_bytes", load.resident_after_bytes, "resident memory with all winners in it")
    report.add("journal_bytes", journal_bytes, "the journals on disk")
    report.add(
        "difference_fen", plan.budget_fen - tally.won_fen, "budget less what people were told they won", ZERO
    )
    report.add("packets_missing", packets - tally.wins, "packets that nobody won", ZERO)
    report.add("refused_batches", tally.refused_batches, "batches that were refused as a whole", ZERO)
    report.add("people_twice", people_twice(tally), "wins of people who had won already", ZERO)
    report.add("lost_acknowledged", recovery.lost, "acknowledged wins missing after the recovery", ZERO)
    report.add("unexplained", recovery.unexplained, "wins after the recovery that nobody was told of", ZERO)
    report.add(
        "journals_without_full_sync", shards - load.full_sync_journals, "as their connections say", ZERO
    )

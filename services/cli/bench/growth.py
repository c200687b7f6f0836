"""`hongbao bench growth`: how the cost of a claim grows with winners, shards, and the size of batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from services.cli.bench.allocation_process import start_allocation
from services.cli.bench.claim_plan import Mix, plan_load
from services.cli.bench.claim_run import (
    SOLD_OUT_ID,
    START_TIMEOUT_S,
    STOCK_ID,
    kill_and_recover,
    run_load,
    say,
)
from services.cli.bench.latency import latencies
from services.cli.bench.options import Folder, ReportFile
from services.cli.bench.report import ZERO, Report
from services.cli.bench.workplace import workplace
from services.cli.console import CONSOLE, run

EXAMPLES = "Examples: `hongbao bench growth` &nbsp; `hongbao bench growth --winners-max 1000000`"

STREAMS = 4
WINDOW = 8
_BYTES_PER_PACKET = 60
_DISK_BYTES = 1 << 30
_HEADERS = ("winners", "shards", "batch", "wins/s", "cpu us", "p50 ms", "p99 ms", "B/winner", "recovered")


@dataclass(frozen=True, slots=True)
class Size:
    """One run."""

    winners: int
    shards: int = 8
    batch: int = 1_000


def sizes(winners_max: int) -> Iterator[Size]:
    """From 10,000 winners to the most, by tens; then other numbers of shards, then other batches."""
    winners = 10_000
    while winners <= winners_max:
        yield Size(winners)
        winners *= 10
    middle = Size(min(winners_max, 1_000_000))
    yield from (replace(middle, shards=shards) for shards in (1, 4, 16, 64))
    yield from (replace(middle, batch=batch) for batch in (100, 300, 4_096))


def bench_growth(
    winners_max: Annotated[
        int, typer.Option(min=10_000, max=100_000_000, help="Winners of the largest run.")
    ] = 10_000_000,
    folder: Folder = None,
    report: ReportFile = None,
) -> None:
    """Measures what a claim costs: few and many winners, few and many shards, small and large batches.

    Every run has its own process and new journals; every packet is won and checked.
    """
    found = Report("growth", {"winners_max": winners_max, "streams": STREAMS, "window": WINDOW})
    run(_measure(found, winners_max, folder))
    if not found.finish(report):
        raise typer.Exit(1)


async def _measure(report: Report, winners_max: int, folder: Path | None) -> None:
    table = Table(title="What a claim costs", title_justify="left")
    for header in _HEADERS:
        table.add_column(header, justify="right")
    wrong = 0
    for size in sizes(winners_max):
        say(f"{size.winners:,} winners, {size.shards} shards, batches of {size.batch:,}")
        row, missing = await _row(report, size, folder)
        table.add_row(*row)
        wrong += missing
    CONSOLE.print(table)
    report.add("wrong", wrong, "packets of all runs that are not whose they should be", ZERO)


async def _row(report: Report, size: Size, folder: Path | None) -> tuple[list[str], int]:
    """One run: its line of the table, and how many packets are wrong."""
    plan = plan_load(size.winners, size.shards, size.batch, STREAMS, Mix(), STOCK_ID, SOLD_OUT_ID)
    async with workplace(folder, bytes_needed=_DISK_BYTES + size.winners * _BYTES_PER_PACKET) as place:
        process = await start_allocation(place, "allocation", size.shards, START_TIMEOUT_S)
        load = await run_load(process, plan, WINDOW)
        recovery = await kill_and_recover(place, process, plan, load.tally)
    of_batches = latencies(load.answers.latencies_s)
    wins_per_s = load.tally.wins / load.answers.took_s
    cpu_us = load.cpu_s / plan.claims * 1e6
    grown = (load.resident_after_bytes - load.resident_before_bytes) / size.winners
    name = f"{size.winners}_winners_{size.shards}_shards_{size.batch}_batch"
    report.add(f"cpu_us_{name}", round(cpu_us, 3), "processor time of allocation, by claim")
    report.add(f"wins_per_s_{name}", round(wins_per_s), "durable wins a second")
    row = [
        f"{size.winners:,}",
        str(size.shards),
        f"{size.batch:,}",
        f"{wins_per_s:,.0f}",
        f"{cpu_us:.2f}",
        f"{of_batches.p50_ms:.1f}",
        f"{of_batches.p99_ms:.1f}",
        f"{grown:.0f}",
        f"{recovery.recover_s:.1f} s",
    ]
    return row, abs(size.winners - load.tally.wins) + recovery.lost + recovery.unexplained

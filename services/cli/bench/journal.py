"""`hongbao bench journal`: how fast records become durable.

Every caller waits for its record to be durable before it sends the next. What was found is written in
`services/mesh/journal/README.md`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from services.cli.bench.latency import latencies as latencies_of
from services.cli.bench.options import ReportFile
from services.cli.bench.report import Report
from services.cli.console import CONSOLE, run
from services.mesh.journal.port import Entry, JournalStore
from services.mesh.journal.store import store_from_url
from services.mesh.settings import MeshSettings


@dataclass(frozen=True, slots=True)
class Load:
    """One thing to measure."""

    record_bytes: int
    callers: int
    """Callers for each shard, each with one record under way."""
    shards: int = 1


LOADS = (
    Load(100, 1),
    Load(100, 100),
    Load(100, 1_000),
    # A batch of a thousand claims, packed.
    Load(16_000, 1),
    Load(16_000, 8),
    Load(16_000, 32),
    Load(100, 500, shards=4),
    Load(16_000, 8, shards=4),
)


EXAMPLES = "Examples: `hongbao bench journal` &nbsp; `hongbao bench journal --url sqlite:/mnt/fast`"


def _address(url: str) -> str:
    if url:
        try:
            store_from_url(url, MeshSettings())
        except ValueError as failure:
            raise typer.BadParameter(str(failure)) from None
    return url


def bench_journal(
    url: Annotated[
        str,
        typer.Option(
            callback=_address,
            help="A journal store: `sqlite:<folder>`, or `postgresql://...`, where the records stay. "
            "Default: a temporary folder.",
        ),
    ] = "",
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="Time for each load.")] = 3.0,
    report: ReportFile = None,
) -> None:
    """Measures how fast records become durable, from one caller to a thousand."""
    found = Report("journal", {"url": url, "seconds": seconds})
    run(measure_journal(found, url, seconds))
    if not found.finish(report):
        raise typer.Exit(1)


async def measure_journal(report: Report, url: str, seconds: float) -> None:
    """Measures every load for the given time, prints one line for each, and fills the report.

    `url` is a store as in `HONGBAO_JOURNAL_URL`; empty: SQLite in a new folder under the temporary one.
    """
    CONSOLE.print("  bytes  callers  shards  records/s    MB/s   p50 ms   p99 ms")
    for load in LOADS:
        with tempfile.TemporaryDirectory(prefix="hongbao-bench-") as folder:
            await _measure(report, url or f"sqlite:{folder}", load, seconds)


async def _measure(report: Report, url: str, load: Load, seconds: float) -> None:
    store = store_from_url(url, MeshSettings())
    service = f"bench-{os.getpid()}-{load.record_bytes}-{load.callers}-{load.shards}"
    begun_s = time.perf_counter()
    end_s = begun_s + seconds
    try:
        latencies = await asyncio.gather(
            *(_load_shard(store, service, shard, load, end_s) for shard in range(load.shards))
        )
    finally:
        await store.close()
        if url.startswith("sqlite:"):
            shutil.rmtree(Path(url.removeprefix("sqlite:")) / service, ignore_errors=True)
    taken_s = time.perf_counter() - begun_s
    waited = latencies_of(latency_s for shard in latencies for latency_s in shard)
    rate = sum(len(shard) for shard in latencies) / taken_s
    CONSOLE.print(
        f"{load.record_bytes:>7} {load.callers:>8} {load.shards:>7} {rate:>10,.0f}"
        f" {rate * load.record_bytes / 1e6:>7.1f} {waited.p50_ms:>8.2f} {waited.p99_ms:>8.2f}"
    )
    name = f"{load.record_bytes}_bytes_{load.callers}_callers_{load.shards}_shards"
    report.add(f"records_per_s_{name}", round(rate), "durable records a second")
    report.add(f"p99_ms_{name}", waited.p99_ms, "99 of 100 were durable within, milliseconds")


async def _load_shard(store: JournalStore, service: str, shard: int, load: Load, end_s: float) -> list[float]:
    journal = await store.open(service, shard)
    await journal.fence(1)
    entries = [Entry(os.urandom(load.record_bytes), time_ms=1)]
    latencies: list[float] = []

    async def call() -> None:
        while (begun_s := time.perf_counter()) < end_s:
            await journal.append(1, entries)
            latencies.append(time.perf_counter() - begun_s)

    await asyncio.gather(*(call() for _ in range(load.callers)))
    await journal.close()
    return latencies

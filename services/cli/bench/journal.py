"""`hongbao bench journal`: how fast records become durable.

Every caller waits for its record to be durable before it sends the next. What was found is written in
`services/mesh/journal/README.md`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from typing import Annotated

import typer

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


def bench_journal(
    url: Annotated[str, typer.Option(help="A journal store. Default: SQLite in a temporary folder.")] = "",
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="Time for each load.")] = 3.0,
) -> None:
    """Measures how fast records become durable, from one caller to a thousand."""
    run(measure_journal(url, seconds))


async def measure_journal(url: str, seconds: float) -> None:
    """Measures every load for the given time and prints one line for each.

    `url` is a store as in `HONGBAO_JOURNAL_URL`; empty: SQLite in a new folder under the temporary one.
    """
    CONSOLE.print("  bytes  callers  shards  records/s    MB/s   p50 ms   p99 ms")
    for load in LOADS:
        with tempfile.TemporaryDirectory(prefix="hongbao-bench-") as folder:
            await _measure(url or f"sqlite:{folder}", load, seconds)


async def _measure(url: str, load: Load, seconds: float) -> None:
    store = store_from_url(url, MeshSettings())
    service = f"bench-{os.getpid()}-{load.record_bytes}-{load.callers}"
    begun_s = time.perf_counter()
    end_s = begun_s + seconds
    latencies = await asyncio.gather(
        *(_load_shard(store, service, shard, load, end_s) for shard in range(load.shards))
    )
    taken_s = time.perf_counter() - begun_s
    sorted_s = sorted(latency for shard in latencies for latency in shard)
    rate = len(sorted_s) / taken_s
    p50_ms, p99_ms = (sorted_s[int(len(sorted_s) * share)] * 1000 for share in (0.5, 0.99))
    CONSOLE.print(
        f"{load.record_bytes:>7} {load.callers:>8} {load.shards:>7} {rate:>10,.0f}"
        f" {rate * load.record_bytes / 1e6:>7.1f} {p50_ms:>8.2f} {p99_ms:>8.2f}"
    )
    await store.close()


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

"""`hongbao bench cards`: how fast cards are dealt, given and completed, and how fast an evening is closed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.bench.cards_close import ClosingResult
from services.cli.bench.cards_gifts import GiftResult
from services.cli.bench.cards_peer import RedisDeals, measure_redis_deals
from services.cli.bench.cards_run import CardsResult, Sizes, run_cards
from services.cli.bench.claim_run import say
from services.cli.bench.latency import latencies
from services.cli.bench.options import Folder, ReportFile, ShardCount
from services.cli.bench.redis import PIPELINE, require_redis
from services.cli.bench.report import HOLDS, ZERO, Report, Target
from services.cli.bench.workplace import workplace
from services.cli.console import run

EXAMPLES = (
    "Examples: `hongbao bench cards` &nbsp; `hongbao bench cards --sets 20000 --gifts 2000 --redis-runs 0`"
    " &nbsp; `hongbao bench cards --report cards.json`"
)

DEALT_PER_S_MIN = 200_000
GIFTS_PER_S_MIN = 5_000
CLOSING_S_MAX = 10.0
SETS = 791_405
_DISK_BYTES = 1 << 30
_BYTES_PER_SET = 1_500
"""Of journals and snapshots: eleven cards or so are dealt for each set."""
_BYTES_PER_REDIS_DEAL = 300


def bench_cards(
    sets: Annotated[
        int, typer.Option(min=100, max=5_000_000, help="Sets that are completed and share the pool.")
    ] = SETS,
    gifts: Annotated[
        int, typer.Option(min=0, max=2_000_000, help="Gifts across shards, full circle; 0: none.")
    ] = 60_000,
    own_keys: Annotated[
        int, typer.Option(min=100, max=10_000_000, help="Deals of which each has a key of its own.")
    ] = 400_000,
    kills: Annotated[
        int,
        typer.Option(
            min=0, max=20, help="Times that cards is killed while supply runs out, and once in the end."
        ),
    ] = 2,
    redis_deals: Annotated[
        int, typer.Option(min=1_000, max=10_000_000, help="Deals in each run of Redis.")
    ] = 300_000,
    redis_runs: Annotated[
        int, typer.Option(min=0, max=10, help="Runs of Redis, of which the best counts; 0: none.")
    ] = 3,
    shards: ShardCount = 4,
    batch: Annotated[int, typer.Option("--batch", min=1, max=4_096, help="Deals in a batch.")] = 4_096,
    window: Annotated[int, typer.Option("--window", min=1, max=256, help="Batches under way at a time.")] = 8,
    folder: Folder = None,
    report: ReportFile = None,
) -> None:
    """Measures one process of cards on durable journals, and settlement behind it, over the real contracts.

    Everybody is dealt five cards, and more until enough people hold a set; those complete it, the deadline
    passes, and settlement pays. In games before it, supply runs out while the process is killed, and cards
    are given across shards. What was issued is counted from the journals. Exits with 1 when a card or a fen
    is wrong.
    """
    sizes = Sizes(sets, gifts, own_keys, kills, shards, batch, window)
    found = Report("cards", {**sizes.options(), "redis_deals": redis_deals, "redis_pipeline": PIPELINE})
    if redis_runs:
        require_redis()
    run(_measure(found, sizes, redis_deals, redis_runs, folder))
    if not found.finish(report):
        raise typer.Exit(1)


async def _measure(
    report: Report, sizes: Sizes, redis_deals: int, redis_runs: int, folder: Path | None
) -> None:
    needed = _DISK_BYTES + sizes.sets * _BYTES_PER_SET + redis_deals * redis_runs * _BYTES_PER_REDIS_DEAL
    async with workplace(folder, bytes_needed=needed) as place:
        redis = None
        if redis_runs:
            say(f"Redis: {redis_runs} runs of {redis_deals:,} deals at pipeline {PIPELINE}, AOF always")
            redis = await measure_redis_deals(place, redis_deals, redis_runs)
            say(f"Redis: {redis.dealt_per_s:,.0f} cards a second in the best run")
        result = await run_cards(place, sizes)
    _add_deals(report, result, redis)
    if result.gifts is not None:
        _add_gifts(report, result.gifts)
    _add_closing(report, sizes, result.closing)
    _add_proof(report, sizes, result)


def _add_deals(report: Report, result: CardsResult, redis: RedisDeals | None) -> None:
    of_batches = latencies(result.first.latencies_s)
    per_s = result.first.dealt / result.first.took_s
    report.add("dealt_per_s", round(per_s), "new cards, durable", Target(at_least=DEALT_PER_S_MIN))
    if redis is not None:
        report.add("redis_dealt_per_s", round(redis.dealt_per_s), "the best of Redis' runs")
        report.add("ratio", round(per_s / redis.dealt_per_s, 2), "dealt_per_s by redis_dealt_per_s")
    own_per_s = round(result.own_keys.dealt / result.own_keys.took_s)
    report.add("dealt_with_own_keys_per_s", own_per_s, "when each deal has a key of its own")
    report.add("p50_ms", of_batches.p50_ms, "half of the batches were answered within, milliseconds")
    report.add("p99_ms", of_batches.p99_ms, "99 of 100 batches were, milliseconds")
    report.add(
        "cpu_us_per_deal",
        round(result.first_cpu_s / max(1, result.first.dealt) * 1e6, 2),
        "processor time of cards, by card",
    )
    report.add(
        "bytes_per_holder",
        round(result.grown_bytes / result.holders, 1),
        "growth of resident memory, by person with five cards",
    )
    report.add(
        "snapshot_bytes_per_holder",
        round(result.snapshot_bytes / result.holders, 1),
        f"of all snapshots, by then {result.cards_dealt / result.holders:.1f} cards a person",
    )
    report.add(
        "journal_bytes_per_deal", round(result.journal_bytes / result.cards_dealt, 1), "of all records"
    )
    if redis is not None:
        report.add("redis_bytes_per_holder", round(redis.bytes_per_holder, 1), "by its own account")
        report.add("redis_durable", redis.syncs_always, "AOF, synced on every write", HOLDS)


def _add_gifts(report: Report, gifts: GiftResult) -> None:
    report.add(
        "gifts_per_s",
        round(gifts.gifts / gifts.took_s),
        "across shards: offered, accepted and arrived, durable",
        Target(at_least=GIFTS_PER_S_MIN),
    )
    report.add(
        "cpu_us_per_gift", round(gifts.cpu_s / gifts.gifts * 1e6, 1), "processor time of cards, by gift"
    )
    report.add("gifts_misplaced", gifts.misplaced, "cards that are not where they were given", ZERO)


def _add_closing(report: Report, sizes: Sizes, closing: ClosingResult) -> None:
    report.add(
        "closing_s",
        round(closing.closing_s, 2),
        "all sets recorded, and from the deadline until settlement had paid all",
        Target(at_most=CLOSING_S_MAX),
    )
    report.add("sets_s", round(closing.sets_s, 2), "of that, until every set was durable")
    report.add(
        "cpu_us_per_set", round(closing.cpu_s / sizes.sets * 1e6, 2), "processor time of cards, by set"
    )
    report.add("decided_s", round(closing.decided_s, 2), "from the deadline: every shard had the decision")
    report.add("settled_s", round(closing.settled_s, 2), "from the deadline: settlement had paid all")
    report.add("idle_s", round(closing.idle_s, 1), "between sets and deadline, not counted")
    report.add("sets", closing.sets, "completed", Target(sizes.sets, sizes.sets, is_required=True))


def _add_proof(report: Report, sizes: Sizes, result: CardsResult) -> None:
    report.add("limit_exceeded", result.limit_exceeded, "cards above a limit or quota, by the journals", ZERO)
    report.add("difference_fen", result.difference_fen, "of pool, decision and what settlement paid", ZERO)
    for name, compared in result.compared.items():
        report.add(f"{name}_lost", compared.lost, "cards that were told of and are not on record", ZERO)
        report.add(f"{name}_twice", compared.twice, "cards for what had earned one already", ZERO)
    report.add("unexplained", result.compared["main"].unexplained, "cards that nobody was told of", ZERO)
    if sizes.kills:
        report.add("stranded", result.stranded, "cards that were wanted and never issued", Target(0, 0))
        report.add("recover_s", round(result.recover_s, 2), "a fresh process after a last SIGKILL, seconds")
    report.add("durable", result.full_sync_journals == sizes.shards, "every journal syncs each commit", HOLDS)

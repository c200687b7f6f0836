"""`hongbao bench claims`: durable claims a second, beside what people would use instead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.bench.allocation_process import start_allocation
from services.cli.bench.claim_plan import Mix, Plan, plan_load
from services.cli.bench.claim_run import (
    SOLD_OUT_ID,
    START_TIMEOUT_S,
    STOCK_ID,
    LoadResult,
    RecoveryResult,
    add_cost,
    kill_and_recover,
    people_twice,
    run_load,
    say,
)
from services.cli.bench.latency import latencies
from services.cli.bench.options import BatchClaims, Folder, ReportFile, ShardCount, Streams, Window
from services.cli.bench.redis import PIPELINE, RedisResult, measure_redis, require_redis
from services.cli.bench.report import HOLDS, ZERO, Report, Target
from services.cli.bench.workplace import workplace
from services.cli.console import run

EXAMPLES = (
    "Examples: `hongbao bench claims` &nbsp; `hongbao bench claims --packets 500000 --redis-claims 200000`"
    " &nbsp; `hongbao bench claims --report claims.json`"
)

WINS_PER_S_MIN = 500_000
RATIO_MIN = 5.0
_DISK_BYTES = 1 << 30
_BYTES_PER_CLAIM = 300
"""Of Redis' log, which is the larger one."""


def bench_claims(
    packets: Annotated[
        int, typer.Option(min=10_000, max=100_000_000, help="How many packets; each is won.")
    ] = 8_000_000,
    again: Annotated[int, typer.Option(min=0, max=40, help="Of 100 claims, those of earlier winners.")] = 5,
    refused: Annotated[int, typer.Option(min=0, max=40, help="Of 100 claims, those that get nothing.")] = 5,
    redis_claims: Annotated[
        int, typer.Option(min=10_000, max=10_000_000, help="Claims in each run of Redis.")
    ] = 1_000_000,
    redis_runs: Annotated[
        int, typer.Option(min=0, max=10, help="Runs of Redis, of which the best counts; 0: none.")
    ] = 3,
    shards: ShardCount = 8,
    batch: BatchClaims = 4_096,
    streams: Streams = 4,
    window: Window = 4,
    folder: Folder = None,
    report: ReportFile = None,
) -> None:
    """Measures durable claims a second of one allocation process, and of Redis with the usual script.

    Claims go through the real `ClaimBatch` contract, and an answer comes when the journal is synced. Most are
    by new people, who win; some by people who ask again, some for a stock that is sold out. The ratio
    compares wins alone with all claims of Redis. Exits with 1 when a fen or a packet is wrong.
    """
    options = {
        "packets": packets,
        "again": again,
        "refused": refused,
        "shards": shards,
        "batch": batch,
        "streams": streams,
        "window": window,
        "redis_claims": redis_claims,
        "redis_pipeline": PIPELINE,
    }
    found = Report("claims", options)
    mix = Mix(again=again, refused=refused)
    if redis_runs:
        require_redis()
    plan = plan_load(packets, shards, batch, streams, mix, STOCK_ID, SOLD_OUT_ID)
    run(_measure(found, plan, window, redis_claims, redis_runs, folder))
    if not found.finish(report):
        raise typer.Exit(1)


async def _measure(
    report: Report, plan: Plan, window: int, redis_claims: int, redis_runs: int, folder: Path | None
) -> None:
    needed = _DISK_BYTES + (plan.claims + redis_claims * redis_runs) * _BYTES_PER_CLAIM
    async with workplace(folder, bytes_needed=needed) as place:
        redis = None
        if redis_runs:
            say(f"Redis: {redis_runs} runs of {redis_claims:,} claims at pipeline {PIPELINE}, AOF always")
            redis = await measure_redis(place, redis_claims, redis_runs)
            say(f"Redis: {redis.claims_per_s:,.0f} claims a second in the best run")
        process = await start_allocation(place, "allocation", len(plan.parts), START_TIMEOUT_S)
        load = await run_load(process, plan, window)
        recovery = await kill_and_recover(place, process, plan, load.tally)
    _add_speed(report, plan, load, recovery, redis)
    _add_proof(report, plan, load, recovery)


def _add_speed(
    report: Report, plan: Plan, load: LoadResult, recovery: RecoveryResult, redis: RedisResult | None
) -> None:
    tally, took_s = load.tally, load.answers.took_s
    of_batches = latencies(load.answers.latencies_s)
    wins_per_s = tally.wins / took_s
    report.add("claims_per_s", round(plan.claims / took_s), "claims answered a second, of every kind")
    report.add("wins_per_s", round(wins_per_s), "of these, durable new wins", Target(at_least=WINS_PER_S_MIN))
    report.add("repeats_per_s", round(tally.repeats / took_s), "told of the packet they had won before")
    report.add("refusals_per_s", round(tally.refusals / took_s), "told that nothing is left")
    if redis is not None:
        report.add("redis_claims_per_s", round(redis.claims_per_s), "the best of Redis' runs")
        ratio = round(wins_per_s / redis.claims_per_s, 2)
        report.add("ratio", ratio, "wins_per_s by redis_claims_per_s", Target(at_least=RATIO_MIN))
    durable = load.full_sync_journals == len(plan.parts) and recovery.lost == 0
    report.add("durable", durable, "every journal syncs each commit, and no win was lost by SIGKILL", HOLDS)
    report.add("p50_ms", of_batches.p50_ms, "half of the batches were answered within, milliseconds")
    report.add("p99_ms", of_batches.p99_ms, "99 of 100 batches were, milliseconds")
    grown = load.resident_after_bytes - load.resident_before_bytes
    report.add("bytes_per_winner", round(grown / tally.wins, 1), "growth of resident memory, by winner")
    report.add("commits_per_s", round(load.commits / took_s), "commits of all journals, each synced")
    add_cost(report, plan, load)
    if redis is not None:
        report.add("redis_p50_ms", redis.p50_ms, "as redis-benchmark says, milliseconds")
        report.add("redis_p99_ms", redis.p99_ms, "as redis-benchmark says, milliseconds")
        report.add("redis_bytes_per_winner", round(redis.bytes_per_winner, 1), "by its own account")
        report.add("redis_durable", redis.syncs_always, "AOF, synced on every write", HOLDS)


def _add_proof(report: Report, plan: Plan, load: LoadResult, recovery: RecoveryResult) -> None:
    tally = load.tally
    report.add("recover_s", round(recovery.recover_s, 2), "a fresh process on the journals, seconds")
    report.add("wins", tally.wins, "packets won", Target(plan.wins, plan.wins, is_required=True))
    report.add("repeats", tally.repeats, "as expected", Target(plan.repeats, plan.repeats, is_required=True))
    report.add(
        "refusals", tally.refusals, "as expected", Target(plan.refusals, plan.refusals, is_required=True)
    )
    report.add("refused_batches", tally.refused_batches, "batches that were refused as a whole", ZERO)
    report.add(
        "difference_fen", plan.budget_fen - tally.won_fen, "budget less what people were told they won", ZERO
    )
    report.add("people_twice", people_twice(tally), "wins of people who had won already", ZERO)
    report.add("lost_acknowledged", recovery.lost, "acknowledged wins missing after SIGKILL", ZERO)
    report.add("unexplained", recovery.unexplained, "wins after it that nobody was told of", ZERO)

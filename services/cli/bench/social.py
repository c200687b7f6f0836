"""`hongbao bench social`: ten million pairs of friends, and how fast others hear who knows whom."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import typer

from services.cli.bench.claim_run import say
from services.cli.bench.latency import latencies
from services.cli.bench.options import Folder, ReportFile
from services.cli.bench.postgres import Postgres, postgres
from services.cli.bench.redis import require_redis
from services.cli.bench.report import HOLDS, ZERO, Report
from services.cli.bench.service_process import ServiceProcess
from services.cli.bench.social_graph import Graph, Questions, draw_graph, draw_questions
from services.cli.bench.social_load import Asked, SocialAnswers, ask_social
from services.cli.bench.social_peer import RedisAnswers, ask_redis
from services.cli.bench.social_storage import Loaded, load_postgres, load_sqlite
from services.cli.bench.workplace import Workplace, free_port, workplace
from services.cli.console import run

EXAMPLES = (
    "Examples: `hongbao bench social` &nbsp; `hongbao bench social --pairs 200000 --asked 1000`"
    " &nbsp; `hongbao bench social --report social.json`"
)
_DISK_BYTES = 1 << 30
_BYTES_PER_PAIR = 600
"""Of the SQLite file, PostgreSQL and Redis' log together, with room."""
_START_TIMEOUT_S = 120.0
_SEED = 2016


def bench_social(
    pairs: Annotated[int, typer.Option(min=1_000, max=200_000_000, help="Pairs of friends.")] = 10_000_000,
    asked: Annotated[
        int, typer.Option(min=100, max=10_000_000, help="Lists of friends, and of friends in common.")
    ] = 10_000,
    batches: Annotated[int, typer.Option(min=10, max=1_000_000, help="Batches of checks.")] = 1_000,
    batch: Annotated[int, typer.Option(min=1, max=1_024, help="Pairs in a batch of checks.")] = 1_024,
    under_way: Annotated[int, typer.Option(min=1, max=256, help="Calls under way at once.")] = 4,
    postgres_pairs: Annotated[
        int, typer.Option(min=0, max=200_000_000, help="Pairs in PostgreSQL, to see their size; 0: none.")
    ] = 2_000_000,
    redis: Annotated[int, typer.Option(min=0, max=1, help="1: ask Redis the same; 0: leave it out.")] = 1,
    folder: Folder = None,
    report: ReportFile = None,
) -> None:
    """Measures lists of friends, friends in common and checks of one social process, beside Redis with sets.

    The pairs are written past the service into its tables: a few people have very many friends, most some
    dozens. Then the real process answers over gRPC, and every answer is compared with what is due. Exits with
    1 when one is wrong.
    """
    options = {
        "pairs": pairs,
        "asked": asked,
        "batches": batches,
        "batch": batch,
        "under_way": under_way,
        "postgres_pairs": postgres_pairs,
    }
    found = Report("social", options)
    if redis:
        require_redis()
    say(f"drawing {pairs:,} pairs of friends")
    graph = draw_graph(pairs, _SEED)
    questions = draw_questions(graph, asked, batches, batch, _SEED + 1)
    run(_measure(found, graph, questions, under_way, postgres_pairs, folder, with_redis=bool(redis)))
    if not found.finish(report):
        raise typer.Exit(1)


async def _measure(
    report: Report,
    graph: Graph,
    questions: Questions,
    under_way: int,
    postgres_pairs: int,
    folder: Path | None,
    *,
    with_redis: bool,
) -> None:
    needed = _DISK_BYTES + len(graph.lows) * _BYTES_PER_PAIR
    async with workplace(folder, bytes_needed=needed) as place:
        # The service makes its tables: nobody but it knows them.
        process = await _start(place, "social", {})
        say("loading SQLite")
        loaded = await asyncio.to_thread(load_sqlite, place.folder / "data" / "social.sqlite3", graph)
        say("asking the service")
        answers = await ask_social(process, graph, questions, under_way)
        _add_service(report, graph, questions, loaded, answers)
        report.add("resident_bytes", process.resident_bytes, "memory of the service")
        process.kill()
        if with_redis:
            say("loading Redis and asking it")
            _add_redis(report, questions, answers, await ask_redis(place, graph, questions, under_way))
        if postgres_pairs:
            say(f"loading PostgreSQL with {postgres_pairs:,} pairs")
            await _add_postgres(report, place, postgres_pairs)


async def _add_postgres(report: Report, place: Workplace, pairs: int) -> None:
    smaller = draw_graph(pairs, _SEED)
    async with postgres(place.folder.parent) as server:
        maker = await _start(place, "maker-postgres", _on_server(server))
        await place.stop(maker.child)
        loaded = await load_postgres(server, smaller)
    size = round(loaded.relation_bytes / pairs, 1)
    report.add("postgres_bytes_per_pair", size, "of rows and indexes in PostgreSQL")
    report.add("postgres_load_s", round(loaded.load_s, 1), "to load them by COPY, seconds")


def _on_server(server: Postgres) -> dict[str, str]:
    return {"HONGBAO_DATABASE_URL": server.url, "HONGBAO_SOCIAL_KEY": secrets.token_hex(32)}


async def _start(place: Workplace, name: str, settings: dict[str, str]) -> ServiceProcess:
    # Nobody listens there: what the service asks others is not measured here.
    nowhere = f"127.0.0.1:{free_port()}"
    others = ",".join(f"{service}={nowhere}" for service in ("identity", "allocation", "cards"))
    return await ServiceProcess.start(place, "social", name, settings, others, _START_TIMEOUT_S)


def _add_service(
    report: Report, graph: Graph, questions: Questions, loaded: Loaded, answers: SocialAnswers
) -> None:
    report.add("people", len(graph.people), "who have friends")
    report.add("friends_max", int(graph.friend_counts().max()), "of one person")
    report.add("load_s", round(loaded.load_s, 1), "to load the pairs into SQLite, with indexes, seconds")
    size = round(loaded.relation_bytes / len(graph.lows), 1)
    report.add("bytes_per_pair", size, "of rows and indexes in SQLite")
    _add_latencies(report, "list", answers.lists, "a page of up to 100 friends")
    _add_latencies(report, "mutual", answers.mutual, "friends in common of two friends of one friend")
    _add_latencies(report, "check_batch", answers.checks, "a batch of checks")
    report.add("checks_per_s", round(_checks_per_s(questions, answers.checks)), "pairs looked at a second")
    for name, asked, count in (
        ("list", answers.lists, len(questions.people)),
        ("mutual", answers.mutual, len(questions.twos)),
        ("check", answers.checks, _checks(questions)),
    ):
        spent_us = round(1e6 * asked.processor_s / count, 2)
        report.add(f"{name}_processor_us", spent_us, "that the service took for one, microseconds")
    wrong = answers.lists.wrong + answers.mutual.wrong + answers.checks.wrong
    report.add("wrong", wrong, "answers other than what is due", ZERO)


def _add_redis(report: Report, questions: Questions, answers: SocialAnswers, redis: RedisAnswers) -> None:
    _add_latencies(report, "redis_list", redis.lists, "SMEMBERS: all friends, in no order")
    _add_latencies(report, "redis_mutual", redis.mutual, "SINTER")
    per_s = _checks_per_s(questions, redis.checks)
    report.add("redis_checks_per_s", round(per_s), "SISMEMBER in pipelines as long as a batch")
    ratio = _checks_per_s(questions, answers.checks) / per_s
    report.add("checks_ratio", round(ratio, 3), "checks_per_s by redis_checks_per_s")
    report.add("redis_bytes_per_pair", round(redis.bytes_per_pair, 1), "of memory, by its own account")
    wrong = redis.lists.wrong + redis.mutual.wrong + redis.checks.wrong
    report.add("redis_wrong", wrong, "answers other than what is due", ZERO)
    report.add("redis_durable", redis.syncs_always, "AOF, synced on every write", HOLDS)


def _add_latencies(report: Report, name: str, asked: Asked, meaning: str) -> None:
    found = latencies(asked.latencies_s)
    report.add(f"{name}_p50_ms", found.p50_ms, f"{meaning}: half within, milliseconds")
    report.add(f"{name}_p99_ms", found.p99_ms, f"{meaning}: 99 of 100 within, milliseconds")
    report.add(
        f"{name}_calls_per_s", round(len(asked.latencies_s) / asked.took_s), f"{meaning}: answers a second"
    )


def _checks_per_s(questions: Questions, asked: Asked) -> float:
    return _checks(questions) / asked.took_s


def _checks(questions: Questions) -> int:
    return sum(len(ones) for ones, _, _ in questions.batches)

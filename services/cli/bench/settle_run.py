"""One run of `bench settle`: a process of settlement reads a season's feeds, dies, and comes back."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hongbao.settlement.v1 import events_pb2, settlement_pb2, settlement_pb2_grpc
from services.cli.bench.service_process import ServiceProcess, channels_of
from services.cli.bench.settle_feeds import FeedServer
from services.cli.bench.settle_plan import (
    CAMPAIGN,
    POOL_FEN,
    ROUNDS,
    SPONSOR_ID,
    SettlePlan,
    decision_message,
    packet_messages,
    set_messages,
    stock,
)
from services.cli.bench.workplace import Workplace
from services.cli.console import CONSOLE, Refusal
from services.cli.proofs.books import proof_of
from services.settlement.domain.books import Books

START_TIMEOUT_S = 60.0
RECOVER_TIMEOUT_S = 300.0
CALL_TIMEOUT_S = 60.0
STALL_S = 120.0
"""Longest time without any record of a feed being applied."""
_POLL_S = 0.05
_RECORDS = "hongbao_feed_records_total"
_BEHIND = "hongbao_settlement_statement_events_behind"
_ENTRIES = "hongbao_settlement_statement_entries_total"


@dataclass(slots=True)
class SettleResult:
    """What a run took, and what the books say."""

    post_s: float = 0.0
    """From the first packet that could be read until the last was durable in the ledger."""
    sets_s: float = 0.0
    payout_s: float = 0.0
    """From the first decision that could be read until the last completer was paid, durably."""
    statements_s: float = 0.0
    """From the last payment until the last entry was in its account's statement."""
    entries: int = 0
    """Entries of statements, in all."""
    recover_s: float = 0.0
    """Start of a fresh process after SIGKILL, until it served all shards."""
    post_cpu_s: float = 0.0
    """Processor time of settlement for the packets, all threads."""
    grown_bytes: int = 0
    """Resident memory that the packets took."""
    progress: list[tuple[float, float]] = field(default_factory=list)
    """Seconds, and the share of the packets' records that were durable by then."""
    books: Books | None = None
    recovered: Books | None = None


async def run_settlement(
    place: Workplace,
    name: str,
    plan: SettlePlan,
    settings: Mapping[str, str],
    *,
    with_statements: bool,
) -> SettleResult:
    """Books all of a plan, pays its pool, kills the process, and has a fresh one show the books.

    `settings` say where the journals are; `with_statements` waits for the statements too. Raises
    `ProcessFailed`, and `Refusal` when something stands still.
    """
    feeds, result = FeedServer(), SettleResult()
    for shard in range(plan.sizes.allocation_shards):
        feeds.lay_out("allocation", shard, packet_messages(plan, shard))
    for shard in range(plan.sizes.cards_shards):
        feeds.lay_out("cards", shard, set_messages(plan, shard))
    async with feeds.serving():
        process = await _start(place, name, plan, feeds, settings, START_TIMEOUT_S)
        await _fund(process, plan)
        await _post(process, plan, feeds, result)
        await _pay_out(process, plan, feeds, result)
        if with_statements:
            await _catch_up(process, plan, result)
        result.books = await _books(process, plan)
        process.kill()
        fresh = await _start(place, f"{name}-again", plan, feeds, settings, RECOVER_TIMEOUT_S)
        result.recover_s = fresh.ready_s
        result.recovered = await _books(fresh, plan)
        fresh.kill()
    return result


def say(line: str) -> None:
    """Says what is going on."""
    CONSOLE.print(line, highlight=False, markup=False, soft_wrap=True)


async def _start(
    place: Workplace,
    name: str,
    plan: SettlePlan,
    feeds: FeedServer,
    settings: Mapping[str, str],
    timeout_s: float,
) -> ServiceProcess:
    counts = {
        "HONGBAO_SETTLEMENT_SHARDS": str(plan.sizes.settlement_shards),
        "HONGBAO_ALLOCATION_SHARDS": str(plan.sizes.allocation_shards),
        "HONGBAO_CARDS_SHARDS": str(plan.sizes.cards_shards),
        # Nobody is asked who people are: that is another service's work.
        "HONGBAO_PEOPLE_KNOWN": "everybody",
        **settings,
    }
    others = ",".join(f"{service}={feeds.address}" for service in ("allocation", "cards", "identity"))
    return await ServiceProcess.start(place, "settlement", name, counts, others, timeout_s)


async def _fund(process: ServiceProcess, plan: SettlePlan) -> None:
    """Pays in and sets aside what is going to be won, and waits until it is where it is paid out from."""
    channels = channels_of("operator")
    try:
        stub = settlement_pb2_grpc.SettlementServiceStub(channels.channel(process.address))
        await stub.Deposit(
            settlement_pb2.DepositRequest(
                request_id=str(uuid.uuid4()), sponsor_id=SPONSOR_ID, amount_fen=plan.packets_fen + POOL_FEN
            ),
            timeout=CALL_TIMEOUT_S,
        )
    finally:
        await channels.close()
    channels = channels_of("allocation")
    try:
        stub = settlement_pb2_grpc.SettlementServiceStub(channels.channel(process.address))
        for number in range(ROUNDS):
            await stub.CreateHold(round_hold(plan, number), timeout=CALL_TIMEOUT_S)
        await stub.CreateHold(pool_hold(), timeout=CALL_TIMEOUT_S)
    finally:
        await channels.close()
    async with asyncio.timeout(STALL_S):
        while (await _books(process, plan)).in_transit_fen:  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(_POLL_S)


def round_hold(plan: SettlePlan, number: int) -> settlement_pb2.CreateHoldRequest:
    """Asks for a round's money."""
    return settlement_pb2.CreateHoldRequest(
        hold_id=stock(number),
        campaign_id=CAMPAIGN,
        sponsor_id=SPONSOR_ID,
        purpose=events_pb2.HOLD_PURPOSE_ROUND,
        parts=[
            events_pb2.HoldPart(part=part, amount_fen=amount_fen)
            for part, amount_fen in enumerate(plan.round_parts_fen(number))
        ],
    )


def pool_hold() -> settlement_pb2.CreateHoldRequest:
    """Asks for the pool's money."""
    return settlement_pb2.CreateHoldRequest(
        hold_id=f"{CAMPAIGN}.pool",
        campaign_id=CAMPAIGN,
        sponsor_id=SPONSOR_ID,
        purpose=events_pb2.HOLD_PURPOSE_POOL,
        parts=[events_pb2.HoldPart(part=0, amount_fen=POOL_FEN)],
    )


async def _post(process: ServiceProcess, plan: SettlePlan, feeds: FeedServer, result: SettleResult) -> None:
    records = sum(
        ROUNDS * (1 + -(-len(part.person_ids) // plan.sizes.batch)) for part in plan.parts
    )  # With the end of each part.
    cpu_s, resident_bytes = process.cpu_s, process.resident_bytes
    begun_s = time.perf_counter()
    await feeds.let_go("allocation")

    def note(applied: float) -> None:
        result.progress.append((time.perf_counter() - begun_s, applied / records))

    await _until_applied(process, "allocation", records, note)
    result.post_s = time.perf_counter() - begun_s
    result.post_cpu_s = process.cpu_s - cpu_s
    result.grown_bytes = process.resident_bytes - resident_bytes
    say(f"  {plan.packets:,} packets in {result.post_s:.1f} s")


async def _pay_out(
    process: ServiceProcess, plan: SettlePlan, feeds: FeedServer, result: SettleResult
) -> None:
    begun_s = time.perf_counter()
    await feeds.let_go("cards")
    await _until_applied(process, "cards", plan.sizes.completers)
    result.sets_s = time.perf_counter() - begun_s
    for shard in range(plan.sizes.cards_shards):
        feeds.lay_out("cards", shard, [decision_message(plan, shard)])
    begun_s = time.perf_counter()
    await feeds.let_go("cards")
    await _until_applied(process, "cards", plan.sizes.completers + plan.sizes.cards_shards)
    result.payout_s = time.perf_counter() - begun_s
    say(f"  {plan.sizes.completers:,} sets in {result.sets_s:.1f} s, paid in {result.payout_s:.1f} s")


async def _catch_up(process: ServiceProcess, plan: SettlePlan, result: SettleResult) -> None:
    """Waits until statements have all that is durable: an entry for each packet and prize at least."""
    begun_s = since_s = time.perf_counter()
    before = -1.0
    while True:
        process.check_alive()
        entries = await process.metric(_ENTRIES)
        # How far they are behind is only looked at now and then.
        if entries >= plan.packets + plan.sizes.completers and not await process.metric(_BEHIND):
            break
        now_s = time.perf_counter()
        if entries > before:
            before, since_s = entries, now_s
        elif now_s - since_s > STALL_S:
            raise Refusal(f"statements stand still at {entries:,.0f} entries")
        await asyncio.sleep(_POLL_S)
    result.statements_s = time.perf_counter() - begun_s
    result.entries = int(entries)
    say(f"  {result.entries:,} entries of statements, the last {result.statements_s:.1f} s later")


async def _until_applied(
    process: ServiceProcess, service: str, records: int, note: Callable[[float], None] = lambda _: None
) -> None:
    """Waits until so many records of a service's feeds have had their effect, durably."""
    before, since_s = -1.0, time.perf_counter()
    while True:
        process.check_alive()
        by_source = await process.metric_by(_RECORDS, "source")
        applied = sum(count for source, count in by_source.items() if source.startswith(f"{service}/"))
        note(applied)
        if applied >= records:
            return
        now_s = time.perf_counter()
        if applied > before:
            before, since_s = applied, now_s
        elif now_s - since_s > STALL_S:
            raise Refusal(f"{service}'s feeds stand still at {applied:,.0f} of {records:,} records")
        await asyncio.sleep(_POLL_S)


async def _books(process: ServiceProcess, plan: SettlePlan) -> Books:
    channels = channels_of("operator")
    try:
        stub = settlement_pb2_grpc.SettlementServiceStub(channels.channel(process.address))
        answers = [
            await stub.GetShardBooks(settlement_pb2.GetShardBooksRequest(shard=shard), timeout=CALL_TIMEOUT_S)
            for shard in range(plan.sizes.settlement_shards)
        ]
    finally:
        await channels.close()
    return proof_of([answer.books for answer in answers], plan.sizes.settlement_shards)

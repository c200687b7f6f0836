"""`hongbao bench settle`: how fast feeds become postings, beside what people write first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from services.cli.bench.options import Folder, ReportFile
from services.cli.bench.postgres import Postgres, postgres
from services.cli.bench.report import HOLDS, ZERO, Report, Target
from services.cli.bench.settle_peer import PeerResult, measure_peer
from services.cli.bench.settle_plan import ROUNDS, Sizes
from services.cli.bench.settle_run import SettleResult, say
from services.cli.bench.settle_storage import Measured, on_postgres, on_sqlite
from services.cli.bench.workplace import Workplace, workplace
from services.cli.console import run

EXAMPLES = (
    "Examples: `hongbao bench settle` &nbsp; `hongbao bench settle --transfers 200000 --growth 0 --peer-s 2`"
    " &nbsp; `hongbao bench settle --report settle.json`"
)

TRANSFERS_PER_S_MIN = 50_000
SQLITE_TRANSFERS_PER_S_MIN = 100_000
RATIO_MIN = 20.0
PAYOUT_S_MAX = 30.0
COMPLETERS = 791_405
COMPLETERS_FEW = 4
"""In runs that are not about sets."""
SHARDS = Sizes(0, 1, 0, settlement_shards=4, allocation_shards=8, cards_shards=4)
_DISK_BYTES = 4 << 30
_BYTES_PER_TRANSFER = 400


def bench_settle(
    transfers: Annotated[
        int, typer.Option(min=1_000, max=50_000_000, help="Packets that are booked.")
    ] = 1_000_000,
    growth: Annotated[
        int, typer.Option(min=0, max=50_000_000, help="Packets of the large run; 0: no such run.")
    ] = 10_000_000,
    batch: Annotated[int, typer.Option(min=1, max=4_096, help="Winners in a record of the feed.")] = 100,
    completers: Annotated[
        int, typer.Option(min=4, max=5_000_000, help="Completed sets that share in the pool.")
    ] = COMPLETERS,
    peer_s: Annotated[
        int, typer.Option(min=0, max=120, help="Seconds for each run of the peer; 0: none.")
    ] = 5,
    folder: Folder = None,
    report: ReportFile = None,
) -> None:
    """Measures postings from a claim feed, on PostgreSQL and on SQLite, and the payout of a prize pool.

    A process of settlement reads feeds of allocation and cards over gRPC, as it does in a mesh, from the
    first record to the last; then it is killed, and a fresh one must show the same books. The peer writes one
    transaction a transfer to the same PostgreSQL. Exits with 1 when a fen is wrong.
    """
    found = Report(
        "settle",
        {
            "transfers": transfers,
            "growth": growth,
            "batch": batch,
            "completers": completers,
            "peer_s": peer_s,
            "settlement_shards": SHARDS.settlement_shards,
            "allocation_shards": SHARDS.allocation_shards,
        },
    )
    run(_measure(found, _sizes(transfers, batch, completers), growth, peer_s, folder))
    if not found.finish(report):
        raise typer.Exit(1)


def _sizes(transfers: int, batch: int, completers: int) -> Sizes:
    return replace(SHARDS, transfers=transfers, batch=batch, completers=completers)


async def _measure(report: Report, sizes: Sizes, growth: int, peer_s: int, folder: Path | None) -> None:
    needed = _DISK_BYTES + max(sizes.transfers, growth) * _BYTES_PER_TRANSFER
    async with workplace(folder, bytes_needed=needed) as place, postgres(place.folder.parent) as server:
        report.add("durable", await server.is_durable(), "PostgreSQL syncs every commit", HOLDS)
        peer = await _peer(place, server, sizes, peer_s) if peer_s else None
        measured = await on_postgres(place, server, "main", sizes, with_statements=True)
        _add_postgres(report, measured, peer)
        _add_sqlite(report, await on_sqlite(place, sizes))
        few = _sizes(max(1_000, sizes.transfers // 10), 1, COMPLETERS_FEW)
        _add_single(report, await on_postgres(place, server, "single", few, with_statements=False))
        if growth:
            large = _sizes(growth, sizes.batch, COMPLETERS_FEW)
            _add_growth(report, await on_postgres(place, server, "growth", large, with_statements=False))


async def _peer(place: Workplace, server: Postgres, sizes: Sizes, peer_s: int) -> PeerResult:
    say(f"peer: pgbench, {peer_s} s for each number of connections")
    wallets = max(1, sizes.transfers // ROUNDS)
    return await measure_peer(server, place.folder, sizes.allocation_shards * ROUNDS, wallets, peer_s)


def _add_postgres(report: Report, measured: Measured, peer: PeerResult | None) -> None:
    result = measured.result
    per_s = measured.transfers_per_s
    report.add(
        "transfers_per_s", round(per_s), "packets booked on PostgreSQL", Target(at_least=TRANSFERS_PER_S_MIN)
    )
    if peer is not None:
        report.add(
            "naive_per_s",
            round(peer.transfers_per_s),
            f"the peer's best, with {peer.connections} connections",
        )
        ratio = round(per_s / peer.transfers_per_s, 1)
        report.add("ratio", ratio, "transfers_per_s by naive_per_s", Target(at_least=RATIO_MIN))
        report.add(
            "naive_bytes_per_transfer", round(peer.bytes_per_transfer, 1), "the peer's tables and indexes"
        )
    report.add("bytes_per_transfer", round(measured.bytes_per_transfer, 1), "journal in PostgreSQL")
    report.add(
        "cpu_us_per_transfer",
        round(result.post_cpu_s / measured.plan.packets * 1e6, 2),
        "processor time of settlement, by packet",
    )
    report.add("sets_s", round(result.sets_s, 2), "every completed set recorded, one record each")
    report.add(
        "payout_s", round(result.payout_s, 2), "the pool divided and all paid", Target(at_most=PAYOUT_S_MAX)
    )
    report.add("recover_s", round(result.recover_s, 2), "a fresh process after SIGKILL, until it serves")
    _add_statements(report, "", measured)
    _add_proof(report, "postgres", measured)


def _add_sqlite(report: Report, measured: Measured) -> None:
    report.add(
        "sqlite_transfers_per_s",
        round(measured.transfers_per_s),
        "packets booked on SQLite",
        Target(at_least=SQLITE_TRANSFERS_PER_S_MIN),
    )
    report.add("sqlite_bytes_per_transfer", round(measured.bytes_per_transfer, 1), "journal in SQLite")
    report.add("sqlite_payout_s", round(measured.result.payout_s, 2), "the pool divided and all paid")
    _add_statements(report, "sqlite_", measured)
    _add_proof(report, "sqlite", measured)


def _add_statements(report: Report, prefix: str, measured: Measured) -> None:
    result = measured.result
    report.add(
        f"{prefix}statements_s",
        round(result.statements_s, 1),
        f"after the payout, until the last of {result.entries:,} entries was in its statement",
    )
    report.add(
        f"{prefix}statement_bytes_per_entry",
        round(measured.statement_bytes_per_entry, 1),
        "statements beside the journal, with indexes",
    )


def _add_single(report: Report, measured: Measured) -> None:
    report.add(
        "single_transfers_per_s",
        round(measured.transfers_per_s),
        "on PostgreSQL with one winner in a record",
    )
    _add_proof(report, "single", measured)


def _add_growth(report: Report, measured: Measured) -> None:
    """The large run in ten parts, as far as its feed was read by then."""
    result, packets = measured.result, measured.plan.packets
    report.add(
        "growth_transfers_per_s", round(measured.transfers_per_s), f"{packets:,} packets on PostgreSQL"
    )
    for name, first, last in (("first", 0.0, 0.1), ("last", 0.9, 1.0)):
        took_s = _reached_s(result, last) - _reached_s(result, first)
        report.add(f"growth_{name}_tenth_per_s", round(packets / 10 / took_s), f"the {name} tenth of them")
    wallets = packets // ROUNDS
    report.add(
        "growth_bytes_per_wallet", round(result.grown_bytes / wallets), "resident memory that they took"
    )
    report.add("growth_recover_s", round(result.recover_s, 2), "a fresh process after SIGKILL")
    _add_proof(report, "growth", measured)


def _reached_s(result: SettleResult, share: float) -> float:
    """When so much of the feed was durable, seconds after the start; between two looks, in proportion."""
    before_s, before = 0.0, 0.0
    for at_s, reached in result.progress:
        if reached >= share:
            if reached == before:
                return at_s
            return before_s + (at_s - before_s) * (share - before) / (reached - before)
        before_s, before = at_s, reached
    return before_s


def _add_proof(report: Report, name: str, measured: Measured) -> None:
    """What is wrong, in fen and in people: with the books, and with those of the process after the kill."""
    report.add(f"{name}_difference_fen", _difference_fen(measured), "of books and plan", ZERO)


def _difference_fen(measured: Measured) -> int:
    """0 when the books prove themselves, say what the plan says, and say it again after the kill."""
    plan, result = measured.plan, measured.result
    division = plan.division
    wrong = 0
    for books in (result.books, result.recovered):
        if books is None or not books.campaigns:
            return plan.packets_fen
        campaign = books.campaigns[0]
        wrong += books.difference_fen + len(books.violations) + len(books.stopped)
        wrong += abs(campaign.packets_fen - plan.packets_fen) + abs(campaign.packets - plan.packets)
        wrong += abs(campaign.prizes_fen - division.share_fen * plan.sizes.completers)
        wrong += abs(campaign.prizes - plan.sizes.completers)
        wrong += abs(campaign.remainder_fen - division.remainder_fen) + (not campaign.settled)
    return wrong

"""Runs of `bench settle` on one kind of storage, and how much of it they take."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from services.cli.bench.postgres import Postgres
from services.cli.bench.settle_plan import SettlePlan, Sizes, plan_settlement
from services.cli.bench.settle_run import SettleResult, run_settlement, say
from services.cli.bench.workplace import Workplace

_STATEMENT_BYTES = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class"
    " WHERE relkind = 'r' AND relname LIKE 'ledger%'"
)
_ENTRIES_TABLE = "ledger_entries"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run on one kind of storage."""

    plan: SettlePlan
    result: SettleResult
    journal_bytes: int
    """Of the journals, when all was booked."""
    statement_bytes: int
    """Of the statements."""

    @property
    def transfers_per_s(self) -> float:
        """Packets that were durable in the ledger, a second."""
        return self.plan.packets / self.result.post_s

    @property
    def bytes_per_transfer(self) -> float:
        """Of the journals, by packet and prize; sets included."""
        return self.journal_bytes / (self.plan.packets + self.plan.sizes.completers)

    @property
    def statement_bytes_per_entry(self) -> float:
        """Of the statements' tables and indexes."""
        return self.statement_bytes / max(1, self.result.entries)


async def on_postgres(
    place: Workplace, server: Postgres, name: str, sizes: Sizes, *, with_statements: bool
) -> Measured:
    """A run in a database of its own."""
    database = await server.new_database(f"bench_{name}")
    say(f"PostgreSQL: {sizes.transfers:,} packets, {sizes.batch} in a record")
    plan = plan_settlement(sizes)
    urls = {"HONGBAO_JOURNAL_URL": database.url, "HONGBAO_DATABASE_URL": database.url}
    result = await run_settlement(place, f"settlement-{name}", plan, urls, with_statements=with_statements)
    journal_bytes = await database.one("SELECT pg_total_relation_size('journal_records')")
    statement_bytes = await database.one(_STATEMENT_BYTES)
    await server.drop_database(f"bench_{name}")
    return Measured(plan, result, int(journal_bytes), int(statement_bytes))


async def on_sqlite(place: Workplace, sizes: Sizes) -> Measured:
    """A run in files of its own."""
    say(f"SQLite: {sizes.transfers:,} packets, {sizes.batch} in a record")
    data = place.folder / "sqlite"
    plan = plan_settlement(sizes)
    urls = {"HONGBAO_JOURNAL_URL": f"sqlite:{data}", "HONGBAO_DATABASE_URL": f"sqlite:{data}"}
    result = await run_settlement(place, "settlement-sqlite", plan, urls, with_statements=True)
    journals = [data / "settlement" / f"{shard}.db" for shard in range(sizes.settlement_shards)]
    statements = [path for path in data.rglob("*.db") if _has_table(path, _ENTRIES_TABLE)]
    return Measured(
        plan,
        result,
        sum(_file_bytes(path) - _snapshot_bytes(path) for path in journals),
        sum(_file_bytes(path) for path in statements),
    )


def _file_bytes(path: Path) -> int:
    """What a database's file takes once everything is in it and nothing in its log."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def _snapshot_bytes(path: Path) -> int:
    """What of that is the journal's snapshot."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT coalesce(sum(length(state)), 0) FROM snapshot").fetchone()
    return int(found[0])


def _has_table(path: Path, name: str) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    return bool(found[0])

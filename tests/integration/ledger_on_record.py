"""An evening's journals and statements in a database or in files, closed, for tests that alter them."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from services.cli.proofs.ledger.audit import Audited, LedgerAudit
from services.cli.proofs.ledger.findings import NotedTip
from services.mesh.journal.chain import Chain
from services.mesh.journal.port import Record
from services.mesh.journal.store import store_from_url
from services.mesh.shards.groups import ShardGroups
from services.settlement.adapters.statements.sqlite import place_of
from services.settlement.adapters.statements.store import StatementStore
from services.settlement.adapters.statements.tables import StatementTables
from tests.integration.settlement_mesh import SHARDS, SettlementMesh
from tests.integration.test_settlement import check_evening, play_evening

_FOR_STATEMENTS = frozenset({"ledger_entries", "ledger_movements", "ledger_runs", "ledger_cursors"})


@dataclass(frozen=True, slots=True)
class Ledger:
    """One place with the journals of all shards."""

    url: str

    def audit(self, *tips: NotedTip, only: int | None = None) -> Audited:
        groups = ShardGroups.parse(self.url)
        audited = LedgerAudit(groups, groups, SHARDS, only, tips).run(lambda *_: None)
        assert audited is not None
        return audited

    def findings(self, *tips: NotedTip) -> list[str]:
        return [str(finding) for finding in self.audit(*tips).findings]

    def records(self, shard: int) -> list[Record]:
        where = "shard = ? AND service = 'settlement'" if self.is_postgres else "?1 = ?1"
        table = "journal_records" if self.is_postgres else "records"
        rows = self.run(
            shard,
            f"SELECT seq, epoch, payload, time_ms, trace_context, digest FROM {table}"  # noqa: S608 - constants
            f" WHERE {where} ORDER BY seq",
            (shard,),
        )
        return [Record(row[0], row[1], bytes(row[2]), row[3], row[4], bytes(row[5])) for row in rows]

    def store(self, shard: int, records: Sequence[Record]) -> None:
        """Puts other records into the place of a shard's."""
        first: tuple[object, ...] = ()
        table, key = "records", ""
        if self.is_postgres:
            table, key, first = "journal_records", "service, shard, ", ("settlement", shard)
            self.run(
                shard, "DELETE FROM journal_records WHERE service = 'settlement' AND shard = ?", (shard,)
            )
        else:
            self.run(shard, "DELETE FROM records")
        places = ", ".join("?" * (6 + len(first)))
        for record in records:
            self.run(
                shard,
                f"INSERT INTO {table} ({key}seq, epoch, time_ms, trace_context, payload, digest)"  # noqa: S608 - constants
                f" VALUES ({places})",
                (
                    *(*first, record.seq, record.epoch, record.time_ms, record.trace_context),
                    *(record.payload, record.digest),
                ),
            )

    def run(self, shard: int, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Runs a statement where a shard's journal is, or where its statements are."""
        if self.is_postgres:
            with psycopg.connect(self.url, autocommit=True) as connection:
                cursor = connection.execute(query.replace("?", "%s").encode(), values)
                return cursor.fetchall() if cursor.description else []
        folder = Path(self.url.removeprefix("sqlite:"))
        place = folder / "settlement" / f"{shard}.db"
        if _FOR_STATEMENTS.intersection(query.split()):
            place = place_of(folder, shard)
        with closing(sqlite3.connect(place, isolation_level=None)) as connection:
            return connection.execute(query, values).fetchall()

    @property
    def is_postgres(self) -> bool:
        return self.url.startswith("postgres")


def forged(records: Sequence[Record], shard: int) -> list[Record]:
    """The same records with a chain that is whole again, as somebody could make it who knows how."""
    chain = Chain("settlement", shard)
    return [replace(record, digest=chain.extended(record.time_ms, record.payload)) for record in records]


def play(url: str) -> None:
    """Leaves an evening's records in a place."""
    asyncio.run(_play(url))


async def _play(url: str) -> None:
    async with SettlementMesh(
        lambda settings, _clock: store_from_url(url, settings),
        statements=lambda settings: StatementStore(url, settings),
        journal_url=url,
        payout_batch_persons=2,
        snapshot_every_records=10,
        statement_threads=0,
    ) as mesh:
        settlement = await mesh.start()
        await check_evening(mesh, await play_evening(mesh))
        store = StatementStore(url, mesh.settings("reader"))

        async def written() -> bool:
            cursors = [await store.read(shard, StatementTables.cursor) for shard in range(SHARDS)]
            ends = [shard.durable_seq for shard in settlement.host.shards()]
            return [cursor.seq for cursor in cursors] == ends

        await mesh.until(written, "all statements are written")
        await store.close()


@contextmanager
def copied(original: Ledger, folder: Path) -> Iterator[Ledger]:
    """A copy of a ledger that a test may alter."""
    if not original.is_postgres:
        shutil.copytree(original.url.removeprefix("sqlite:"), folder / "copy")
        yield Ledger(f"sqlite:{folder / 'copy'}")
        return
    name, source = f"copy_{uuid.uuid4().hex[:12]}", original.url.partition("?")[0].rpartition("/")[2]
    server = original.url.replace(f"/{source}?", "/postgres?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"'.encode())
        yield Ledger(original.url.replace(f"/{source}?", f"/{name}?"))
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

"""`hongbao audit`: reads the ledger's journals as they are stored, and believes nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.cli.commands.books import troubles_of
from services.cli.console import COMPLAINTS, CONSOLE, visible
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.cli.proofs.ledger.audit import Audited, LedgerAudit
from services.cli.proofs.ledger.findings import NotedTip, ShardAudit
from services.mesh.errors import ServiceError
from services.mesh.journal.port import JournalUnavailable
from services.mesh.settings import MeshSettings
from services.settlement.domain.books import Books
from services.settlement.domain.books_contract import read_books

HOLDS, DIFFERS, NOT_AUDITABLE = 0, 1, 2
"""How the command ends: all is as it was written, something is not, nothing is there to be audited."""
_TIP = re.compile(r"[0-9]{1,4}:[1-9][0-9]{0,18}:[0-9a-fA-F]{64}")
_LINE_S = 5.0
"""Time between two lines about progress, seconds."""


def audit_ledger(audit: LedgerAudit) -> int:
    """Audits, shows what was found, and returns the exit code."""
    try:
        with _Watched() as watched:
            audited = audit.run(watched.note)
    except JournalUnavailable as failure:
        _say(f"cannot be audited: {failure.message}", "red")
        return NOT_AUDITABLE
    if audited is None:
        _say("cannot be audited: there is no journal of settlement there", "red")
        return NOT_AUDITABLE
    CONSOLE.print(_shards(audited.shards))
    _say_tips(audited.shards)
    _say_verdict(audited)
    return HOLDS if audited.holds else DIFFERS


async def owners_tips(mesh: MeshRecord, settings: MeshSettings) -> list[NotedTip]:
    """What the owners of a running mesh say: how far each shard's journal is, its digest, and its books."""
    try:
        async with connected(mesh.etcd_endpoint, settings) as operator:
            books = await operator.books()
    except ServiceError as error:
        _say(f"the owners do not answer, so nothing is compared with them: {error.message}", "yellow")
        return []
    return [
        NotedTip(told.shard, told.seq, told.digest, "the owner of the shard", read_books(told))
        for told in books
    ]


def read_tip(text: str) -> NotedTip:
    """Reads `SHARD:SEQ:DIGEST`, as an audit shows it. Raises ValueError, in words."""
    if _TIP.fullmatch(text) is None:
        raise ValueError(f"{text[:100]!r} is no tip: write SHARD:RECORD:DIGEST, as an audit shows it")
    shard, seq, digest = text.split(":")
    return NotedTip(int(shard), int(seq), bytes.fromhex(digest), "the tip given")


def _shards(shards: Sequence[ShardAudit]) -> Table:
    table = Table(title="Journals of the ledger", title_justify="left")
    table.add_column("shard", justify="right")
    table.add_column("records", justify="right")
    table.add_column("last written")
    table.add_column("statements")
    for shard in shards:
        moment = datetime.fromtimestamp(shard.time_ms / 1000, UTC)
        table.add_row(
            str(shard.shard),
            f"{shard.records:,}",
            f"{moment:%Y-%m-%d %H:%M:%S} UTC" if shard.records else "",
            "none" if shard.statements_seq is None else f"the same up to {shard.statements_seq:,}",
            style="red" if shard.finding else None,
        )
    return table


def _say_tips(shards: Sequence[ShardAudit]) -> None:
    """What is worth keeping elsewhere. On lines of their own, to be copied whole."""
    _say("tips, to be noted down elsewhere and given to a later audit:")
    for shard in shards:
        if shard.digest:
            _say(f"--tip {shard.shard}:{shard.records}:{shard.digest.hex()}")


def _say_verdict(audited: Audited) -> None:
    for shard in audited.shards:
        if shard.unchained:
            _say(f"shard {shard.shard}: {shard.unchained:,} records are from before there was a chain")
    for finding in audited.findings:
        _say(str(finding), "red")
    for number in audited.beyond:
        _say(f"shard {number} has a journal, but there are fewer: see HONGBAO_SETTLEMENT_SHARDS", "red")
    if audited.books is not None and not audited.books.sound:
        _say_books(audited.books)
    if not audited.holds:
        _say("the journals are NOT as they were written, or do not prove the books", "bold red")
    elif audited.books is None:
        _say("every record is as it was written; one shard alone proves no books", "bold green")
    else:
        _say("every record is as it was written, and the books that follow prove themselves", "bold green")


def _say_books(books: Books) -> None:
    for line in books.lines:
        if line.difference_fen:
            _say(f"{line.subject}: {line.statement}: differs by {line.difference_fen} fen", "red")
    for trouble in troubles_of(books):
        _say(trouble, "red")


def _say(line: str, style: str = "") -> None:
    CONSOLE.print(visible(line), style=style, markup=False, highlight=False, soft_wrap=True)


class _Watched:
    """Shows on standard error how far the work is: a bar in a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("shard {task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} records"),
            TimeRemainingColumn(),
            console=COMPLAINTS,
            transient=True,
            disable=not COMPLAINTS.is_terminal,
        )
        self._tasks: dict[int, TaskID] = {}
        self._said_s = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bars.stop()

    def note(self, shard: int, last_seq: int, seq: int) -> None:
        """A shard's audit has come so far."""
        if shard not in self._tasks:
            self._tasks[shard] = self._bars.add_task(str(shard), total=last_seq)
        self._bars.update(self._tasks[shard], completed=seq)
        now_s = time.monotonic()
        if self._bars.disable and now_s - self._said_s >= _LINE_S:
            self._said_s = now_s
            COMPLAINTS.print(f"shard {shard}: {seq:,} of {last_seq:,} records", highlight=False)

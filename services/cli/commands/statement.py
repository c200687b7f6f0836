"""`hongbao statement`: what moved through an account."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TextIO

from rich.table import Table

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import statements_pb2 as pb
from hongbao.settlement.v1 import statements_pb2_grpc
from services.cli.console import CONSOLE, Refusal
from services.cli.gala.progress import yuan
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import Operator, connected, timestamp
from services.mesh.settings import MeshSettings
from services.settlement.domain.accounts import shard_of_account

BEIJING = timezone(timedelta(hours=8), "Beijing")
PAGE_ENTRIES = 1_000
CSV_COLUMNS = (
    *("account_id", "seq", "line", "posted_at", "amount_fen", "balance_fen", "code", "phase", "transfer_fen"),
    *("campaign_id", "counter_account_id", "transfer_id", "source", "source_seq"),
    *("pending_id", "source_reference", "movements"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which statement is wanted."""

    account_id: str
    begins_at: datetime | None
    ends_at: datetime | None

    def request(self, order: pb.EntryOrder.ValueType, page_size: int) -> pb.ListEntriesRequest:
        """Asks for its first page."""
        return pb.ListEntriesRequest(
            account_id=self.account_id,
            begins_at=None if self.begins_at is None else timestamp(self.begins_at),
            ends_at=None if self.ends_at is None else timestamp(self.ends_at),
            order=order,
            page_size=page_size,
        )


async def show_statement(mesh: MeshRecord, settings: MeshSettings, asked: Asked, last: int) -> None:
    """Prints the latest entries of a statement, and both its balances."""
    request = asked.request(pb.ENTRY_ORDER_NEWEST_FIRST, last)
    async with connected(mesh.etcd_endpoint, settings) as operator:
        page = await _page(operator, settings, request)
    CONSOLE.print(_table(asked.account_id, page))
    if page.next_page_token:
        CONSOLE.print(f"the latest {len(page.entries)} entries; --csv writes all of them", highlight=False)
    _print_end(page)


async def write_statement(mesh: MeshRecord, settings: MeshSettings, asked: Asked, out: Path) -> None:
    """Writes all entries of a statement, and says how many."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        count, page = await write_csv(operator, settings, asked, out)
    CONSOLE.print(f"{count} entries in {out}", highlight=False)
    _print_end(page)


async def write_csv(
    operator: Operator, settings: MeshSettings, asked: Asked, out: Path
) -> tuple[int, pb.ListEntriesResponse]:
    """Writes all entries, earliest first; returns how many, and the last page.

    The file is there whole, or not at all. Raises `Refusal` when the entries do not lead from one balance to
    the other.
    """
    request = asked.request(pb.ENTRY_ORDER_OLDEST_FIRST, PAGE_ENTRIES)
    moved_fen = count = 0
    with whole_file(out) as file:
        table = csv.writer(file)
        table.writerow(CSV_COLUMNS)
        async for page in _pages(operator, settings, request):
            table.writerows(_csv_row(entry) for entry in page.entries)
            moved_fen += sum(entry.amount_fen for entry in page.entries)
            count += len(page.entries)
        if page.opening_fen + moved_fen != page.closing_fen:
            raise Refusal(
                f"the entries come to {moved_fen} fen, but the balance went from {page.opening_fen} to"
                f" {page.closing_fen} fen; nothing was written"
            )
    return count, page


def moment(text: str) -> datetime:
    """Reads `2026-02-16` or `2026-02-16T20:00`, in Beijing unless it says where. Raises ValueError."""
    read = datetime.fromisoformat(text)
    read = read if read.tzinfo is not None else read.replace(tzinfo=BEIJING)
    try:
        return read.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time before the first or after the last that there is") from None


async def _pages(
    operator: Operator, settings: MeshSettings, request: pb.ListEntriesRequest
) -> AsyncIterator[pb.ListEntriesResponse]:
    while True:
        page = await _page(operator, settings, request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def _page(
    operator: Operator, settings: MeshSettings, request: pb.ListEntriesRequest
) -> pb.ListEntriesResponse:
    try:
        shard = shard_of_account(request.account_id, settings.settlement_shards)
    except ValueError:
        shard = settings.settlement_shards
    if not 0 <= shard < settings.settlement_shards:
        raise Refusal(f"no account of one shard is called {request.account_id[:130]!r}")
    return await operator.at_settlement(
        shard,
        lambda channel, timeout_s: statements_pb2_grpc.StatementServiceStub(channel).ListEntries(
            request, timeout=timeout_s
        ),
    )


def _table(account_id: str, page: pb.ListEntriesResponse) -> Table:
    table = Table(title=f"{account_id} (yuan)", title_justify="left")
    for header in ("when (Beijing)", "entry", "what", "from or to"):
        table.add_column(header, overflow="fold")
    for header in ("amount", "balance"):
        table.add_column(header, justify="right", overflow="fold")
    for entry in reversed(page.entries):
        table.add_row(
            _when(entry).strftime("%Y-%m-%d %H:%M:%S"),
            f"{entry.seq}:{entry.line}",
            _what(entry),
            entry.counter_account_id or f"{entry.movements} accounts",
            yuan(entry.amount_fen) if entry.amount_fen else f"({yuan(entry.transfer_fen)})",
            yuan(entry.balance_fen),
        )
    return table


def _print_end(page: pb.ListEntriesResponse) -> None:
    CONSOLE.print(
        f"opening {yuan(page.opening_fen)}, closing {yuan(page.closing_fen)} yuan",
        style="bold",
        highlight=False,
    )
    end = page.complete
    if end.seq:
        moment_of_end = end.posted_at.ToDatetime(UTC).astimezone(BEIJING)
        behind = f", {end.events_behind} events behind" if end.events_behind else ""
        CONSOLE.print(
            f"complete up to event {end.seq} of {moment_of_end:%Y-%m-%d %H:%M:%S}{behind}", highlight=False
        )


def _what(entry: pb.Entry) -> str:
    what = _word(events.TransferCode.Name(entry.code), "TRANSFER_CODE_")
    if entry.phase > events.TRANSFER_PHASE_SINGLE:
        what += f", {_word(events.TransferPhase.Name(entry.phase), 'TRANSFER_PHASE_')}"
    return f"{what} ({entry.campaign_id})" if entry.campaign_id else what


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")


def _when(entry: pb.Entry) -> datetime:
    return entry.posted_at.ToDatetime(UTC).astimezone(BEIJING)


def _csv_row(entry: pb.Entry) -> list[object]:
    return [
        *(entry.account_id, entry.seq, entry.line, _when(entry).isoformat(timespec="milliseconds")),
        *(entry.amount_fen, entry.balance_fen),
        _word(events.TransferCode.Name(entry.code), "TRANSFER_CODE_"),
        _word(events.TransferPhase.Name(entry.phase or events.TRANSFER_PHASE_SINGLE), "TRANSFER_PHASE_"),
        *(entry.transfer_fen, entry.campaign_id, entry.counter_account_id, entry.transfer_id),
        *(entry.source, entry.source_seq or "", entry.pending_id, _harmless(entry.source_reference)),
        entry.movements,
    ]


def _harmless(text: str) -> str:
    # Others write it, and a spreadsheet would compute what begins like this.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@contextmanager
def whole_file(out: Path) -> Iterator[TextIO]:
    """Opens a file that takes its place when all of it is written."""
    aside = out.with_name(f"{out.name}.part")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            yield file
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)

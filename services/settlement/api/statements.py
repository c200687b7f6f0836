"""Answers `StatementService`."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from typing import Any, Protocol

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import statements_pb2 as pb
from hongbao.settlement.v1 import statements_pb2_grpc
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.statements import (
    Entry,
    Order,
    StatementEnd,
    StatementPage,
    StatementQuery,
)

PAGE_ENTRIES_DEFAULT = 100


class StatementReader(Protocol):
    """Where statements are read."""

    async def entry(self, account_id: str, seq: int, line: int) -> Entry:
        """One entry by its key."""
        ...

    async def page(self, query: StatementQuery) -> StatementPage:
        """A page of a statement."""
        ...


class StatementServicer(statements_pb2_grpc.StatementServiceServicer):
    """`hongbao.settlement.v1.StatementService`, for the shards that this instance owns."""

    def __init__(self, statements: StatementReader) -> None:
        self._statements = statements

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Any) -> pb.ListEntriesResponse:
        """See the contract."""
        is_oldest_first = request.order == pb.ENTRY_ORDER_OLDEST_FIRST
        page = await self._statements.page(
            StatementQuery(
                account_id=request.account_id,
                from_ms=milliseconds(request.begins_at) if request.HasField("begins_at") else None,
                to_ms=milliseconds(request.ends_at) if request.HasField("ends_at") else None,
                order=Order.OLDEST_FIRST if is_oldest_first else Order.NEWEST_FIRST,
                page_size=request.page_size or PAGE_ENTRIES_DEFAULT,
                page_token=request.page_token,
            )
        )
        return pb.ListEntriesResponse(
            entries=[_entry_message(entry) for entry in page.entries],
            opening_fen=page.opening_fen,
            closing_fen=page.closing_fen,
            next_page_token=page.next_page_token,
            complete=_end_message(page.end),
        )

    async def GetEntry(self, request: pb.GetEntryRequest, context: Any) -> pb.GetEntryResponse:
        """See the contract."""
        entry = await self._statements.entry(request.account_id, request.seq, request.line)
        return pb.GetEntryResponse(entry=_entry_message(entry))


def _entry_message(entry: Entry) -> pb.Entry:
    return pb.Entry(
        account_id=entry.account_id,
        seq=entry.seq,
        line=entry.line,
        posted_at=timestamp(entry.time_ms),
        amount_fen=entry.amount_fen,
        balance_fen=entry.balance_fen,
        code=events.TransferCode.ValueType(entry.code),
        campaign_id=entry.campaign_id,
        counter_account_id=entry.counter_account_id,
        transfer_id=entry.transfer_id,
        source=entry.source,
        source_seq=entry.source_seq,
        movements=entry.movements,
        phase=events.TransferPhase.ValueType(entry.phase),
        transfer_fen=entry.transfer_fen,
        pending_id=entry.pending_id,
        source_reference=entry.source_reference,
    )


def _end_message(end: StatementEnd) -> pb.StatementEnd:
    return pb.StatementEnd(
        seq=end.seq,
        posted_at=timestamp(end.time_ms) if end.seq else None,
        events_behind=end.events_behind,
    )

"""What a statement's reader asks of the tables, in one transaction each. Everything here blocks."""

from __future__ import annotations

from collections.abc import Sequence

from services.settlement.adapters.statements.rows import LAYOUT, Cursor, EntryRow, Run
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.entries import account_key
from services.settlement.domain.statement_errors import StatementBehind, entry_unknown
from services.settlement.domain.statements import (
    Entry,
    Order,
    PagePlace,
    StatementEnd,
    StatementPage,
    StatementQuery,
    entry_of,
    normal_sign,
    with_balances,
)


def read_entry(tables: StatementTables, account_id: str, seq: int, line: int) -> Entry:
    """One entry by its key. Raises `StatementBehind` and `EntryUnknown`."""
    with tables.reading():
        _complete(tables, seq)
        row = tables.entry(account_key(account_id), seq, line)
    if row is None or not _is_of(account_id, row):
        raise entry_unknown(account_id, seq, line)
    return entry_of(account_id, row.line, row.amount_fen, row.movement)


def read_page(tables: StatementTables, query: StatementQuery) -> StatementPage:
    """A page of a statement. Raises `PageTokenInvalid`, and `StatementBehind` while rows are made anew."""
    place = PagePlace.of_token(query)
    account_id, sign = query.account_id, normal_sign(query.account_id)
    with tables.reading():
        cursor = _complete(tables, place.to_seq - 1 if place is not None else 0)
        runs = tables.runs()
        place = place or _first_place(tables, query, cursor, runs)
        rows = _rows(tables, query, place, runs)
    page, has_more = rows[: query.page_size], len(rows) > query.page_size
    entries, balance_fen = with_balances(
        [entry_of(account_id, row.line, row.amount_fen, row.movement) for row in page],
        sign * place.balance_fen,
        query.order,
    )
    token = ""
    if has_more:
        after = PagePlace(
            *(page[-1].seq, page[-1].line, place.from_seq, place.to_seq),
            *(sign * balance_fen, place.opening_fen, place.closing_fen),
        )
        token = after.token(query)
    return StatementPage(
        entries,
        sign * place.opening_fen,
        sign * place.closing_fen,
        token,
        StatementEnd(cursor.seq, cursor.time_ms),
    )


def _complete(tables: StatementTables, seq: int) -> Cursor:
    """The cursor, which has passed an event. Raises `StatementBehind` when it has not."""
    cursor = tables.cursor()
    if cursor.layout != LAYOUT or cursor.seq < seq:
        raise StatementBehind(
            f"the statement is complete up to event {cursor.seq} of shard {tables.shard}, not {seq}",
            shard=tables.shard,
            seq=seq,
            complete_seq=cursor.seq,
        )
    return cursor


def _first_place(
    tables: StatementTables, query: StatementQuery, cursor: Cursor, runs: Sequence[Run]
) -> PagePlace:
    from_seq, to_seq = 0, cursor.seq + 1
    if query.from_ms is not None:
        from_seq = min(tables.seq_at(query.from_ms, runs), to_seq)
    if query.to_ms is not None:
        to_seq = min(tables.seq_at(query.to_ms, runs), to_seq)
    to_seq = max(from_seq, to_seq)
    account = account_key(query.account_id)
    opening_fen = tables.balance_fen(account, from_seq, runs)
    closing_fen = tables.balance_fen(account, to_seq, runs)
    return PagePlace.first(query.order, from_seq, to_seq, opening_fen, closing_fen)


def _rows(
    tables: StatementTables, query: StatementQuery, place: PagePlace, runs: Sequence[Run]
) -> list[EntryRow]:
    """The page's rows, and one more when the list goes on."""
    account, limit = account_key(query.account_id), query.page_size + 1
    if query.order is Order.OLDEST_FIRST:
        rows = tables.newer(account, (place.seq, place.line), place.to_seq, limit, runs)
    else:
        rows = tables.older(account, (place.seq, place.line), place.from_seq, limit, runs)
    return [row for row in rows if _is_of(query.account_id, row)]


def _is_of(account_id: str, row: EntryRow) -> bool:
    """Whether a row is the account's, and not another's whose key happens to be the same."""
    return row.movement.debit == account_id or row.movement.credits(account_id)

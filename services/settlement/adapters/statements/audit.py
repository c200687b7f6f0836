"""Compares a shard's statements with its journal, row by row, and names the first row that is another."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from services.mesh.journal.port import Record
from services.settlement.adapters.statements import sqlite
from services.settlement.adapters.statements.postgres import PostgresTables
from services.settlement.adapters.statements.rows import LAYOUT, Cursor, Run
from services.settlement.adapters.statements.sqlite import SqliteTables
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.entries import EntryColumns, Movement, account_key, posted
from services.settlement.domain.statement_errors import StatementsUnavailable

READ_RECORDS = 1_024
READ_ROWS = 50_000
_FIRST_KEY = (-(1 << 63), -1, -1)
_LAST_LINE = (1 << 31) - 1

ReadJournal = Callable[[int, int], Sequence[Record]]
"""Reads records above a position, at most so many."""


@dataclass(frozen=True, slots=True)
class StatementDifference:
    """The first row, by event and line, that is not what the journal says."""

    seq: int
    line: int
    account_id: str
    """Whose entry it is; empty when it is about a movement as a whole."""
    sentence: str
    """What is wrong, in words."""


@dataclass(frozen=True, slots=True)
class StatementAudit:
    """What a comparison has come to."""

    complete_seq: int
    """Up to here the statements were compared; the journal may be longer, they follow it."""
    entries: int
    movements: int
    difference: StatementDifference | None


def audit_statements(
    url: str,
    shard: int,
    read: ReadJournal,
    last_seq: int,
    on_progress: Callable[[int], None] = lambda _seq: None,
) -> StatementAudit | None:
    """Makes all rows of a shard again from its journal, and compares; None where no statements are kept.

    Nothing is created or changed, and a mesh may run meanwhile. Blocks.

    Args:
        url: where the shard's statements are: `sqlite:<folder>` or `postgresql://...`.
        shard: the shard.
        read: reads its journal.
        last_seq: where the journal ends.
        on_progress: told how far the comparison is.

    Raises `StatementsUnavailable`, and what `read` raises.
    """
    try:
        with _opened(url, shard) as tables:
            return None if tables is None else _Comparison(tables, read, on_progress).run(last_seq)
    except (sqlite3.Error, psycopg.Error, OSError) as failure:
        cause = str(failure).strip().partition("\n")[0]
        raise StatementsUnavailable(f"statements of shard {shard}: {cause}", shard=shard) from failure


@contextmanager
def _opened(url: str, shard: int) -> Iterator[StatementTables | None]:
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        place = sqlite.place_of(Path(rest), shard)
        if not place.exists():
            yield None
            return
        with closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True)) as file:
            file.isolation_level = None
            yield SqliteTables(shard, file)
        return
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        found = connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_name = 'ledger_cursors'"
        ).fetchone()
        yield None if found is None else PostgresTables(shard, connection)


class _Comparison:
    def __init__(
        self, tables: StatementTables, read: ReadJournal, on_progress: Callable[[int], None]
    ) -> None:
        self._tables = tables
        self._read = read
        self._on_progress = on_progress
        self._entries = 0
        self._movements = 0

    def run(self, last_seq: int) -> StatementAudit:
        with self._tables.reading():
            cursor, runs = self._tables.cursor(), self._tables.runs()
        difference = _ends(cursor, runs, last_seq)
        for run in runs:
            if difference is not None:
                break
            is_finished = run is not runs[-1]
            difference = self._compare_run(run, min(run.last_seq, cursor.seq), is_finished=is_finished)
        difference = difference or self._beyond(cursor)
        return StatementAudit(cursor.seq, self._entries, self._movements, difference)

    def _compare_run(self, run: Run, to_seq: int, *, is_finished: bool) -> StatementDifference | None:
        """Compares one run. It fits into memory: runs are bounded."""
        batches: list[EntryColumns] = []
        names: dict[int, str] = {}
        seq, difference = run.first_seq - 1, None
        while seq < to_seq:
            records = self._read(seq, min(READ_RECORDS, to_seq - seq))
            if not records:
                return StatementDifference(seq + 1, 0, "", f"the journal has no event {seq + 1}")
            batch = posted((record.seq, record.time_ms, record.payload) for record in records)
            kept = self._tables.movements((seq, _LAST_LINE), batch.last_seq, len(batch.movements) + 1)
            difference = difference or _compare_movements(batch.movements, kept)
            batches.append(batch.entries)
            _note_names(batch.movements, names)
            self._movements += len(batch.movements)
            seq = batch.last_seq
            self._on_progress(seq)
        wanted = EntryColumns.concatenated(batches).sorted()
        found = EntryColumns.concatenated(self._rows(run, to_seq))
        self._entries += len(found)
        entry_difference = None if wanted == found else _first_difference(wanted, found, names)
        if is_finished:
            entry_difference = entry_difference or self._compare_totals(run, wanted, names)
        both = [it for it in (difference, entry_difference) if it is not None]
        return min(both, key=lambda it: (it.seq, it.line), default=None)

    def _rows(self, run: Run, to_seq: int) -> Iterator[EntryColumns]:
        after, has_more = _FIRST_KEY, True
        while has_more:
            rows = self._tables.run_entries(run.run, after, READ_ROWS)
            has_more = len(rows) == READ_ROWS
            if rows:
                after = rows[-1][:3]
            # Others came while this was read.
            yield EntryColumns.of_rows([row for row in rows if row[1] <= to_seq])

    def _compare_totals(
        self, run: Run, wanted: EntryColumns, names: dict[int, str]
    ) -> StatementDifference | None:
        """Compares the sums that are kept beside a finished run with those of its entries."""
        for account, kept_fen in self._tables.totals_of_run(run.run):
            sum_fen = int(wanted.amounts_fen[wanted.accounts == account].sum())
            if sum_fen != kept_fen:
                sentence = f"the sum of its run is kept as {kept_fen} fen, the entries come to {sum_fen} fen"
                return StatementDifference(
                    run.last_seq, 0, names.get(account, f"account {account}"), sentence
                )
        return None

    def _beyond(self, cursor: Cursor) -> StatementDifference | None:
        """Rows of events that the statements do not claim to have."""
        with self._tables.reading():
            extra = self._tables.movements((self._tables.cursor().seq, _LAST_LINE), 1 << 62, 1)
        if not extra or extra[0].seq <= cursor.seq:
            return None
        return StatementDifference(extra[0].seq, extra[0].line, "", "the movement is of no event yet")


def _ends(cursor: Cursor, runs: Sequence[Run], last_seq: int) -> StatementDifference | None:
    """What is wrong with the bounds of the rows themselves."""
    if cursor.layout != LAYOUT:
        return StatementDifference(0, 0, "", f"the rows have layout {cursor.layout}, not {LAYOUT}")
    if cursor.seq > last_seq:
        return StatementDifference(
            last_seq + 1, 0, "", f"the journal ends at {last_seq}, before the statements"
        )
    expected = 1
    for run in runs:
        if run.first_seq != expected:
            return StatementDifference(expected, 0, "", f"no run of entries begins at event {expected}")
        expected = run.last_seq + 1
    if expected != cursor.seq + 1:
        return StatementDifference(expected, 0, "", f"the runs end before event {cursor.seq}")
    return None


def _compare_movements(wanted: Sequence[Movement], kept: Sequence[Movement]) -> StatementDifference | None:
    for expected, found in zip(wanted, kept, strict=False):
        if expected == found:
            continue
        if expected[:2] != found[:2]:
            is_missing = expected[:2] < found[:2]
            seq, line = min(expected[:2], found[:2])
            what = "is missing" if is_missing else "is not in the journal"
            return StatementDifference(seq, line, "", f"the movement {what}")
        fields = [
            f"{name} is {theirs!r}, not {ours!r}"
            for name, ours, theirs in zip(Movement._fields, expected, found, strict=True)
            if ours != theirs
        ]
        return StatementDifference(expected.seq, expected.line, "", f"the movement's {', its '.join(fields)}")
    if len(wanted) == len(kept):
        return None
    is_missing = len(wanted) > len(kept)
    odd = (wanted if is_missing else kept)[min(len(wanted), len(kept))]
    what = "is missing" if is_missing else "is not in the journal"
    return StatementDifference(odd.seq, odd.line, "", f"the movement {what}")


def _note_names(movements: Sequence[Movement], names: dict[int, str]) -> None:
    for movement in movements:
        for account_id in (movement.debit, movement.credit):
            if account_id and not (movement.is_column and account_id == movement.credit):
                names[account_key(account_id)] = account_id


def _first_difference(
    wanted: EntryColumns, found: EntryColumns, names: dict[int, str]
) -> StatementDifference | None:
    """Of two columns that are not the same, the first row by event and line that is only in one of them."""
    expected_fen = {(seq, line, account): fen for account, seq, line, fen in wanted.rows()}
    found_fen = {(seq, line, account): fen for account, seq, line, fen in found.rows()}
    odd = {key for key, _ in expected_fen.items() ^ found_fen.items()}
    if not odd:
        return None
    key = min(odd)
    seq, line, account = key
    account_id = names.get(account) or (f"wallet:{account}" if account > 0 else f"account {account}")
    return StatementDifference(seq, line, account_id, _wrong(found_fen.get(key), expected_fen.get(key)))


def _wrong(found_fen: int | None, expected_fen: int | None) -> str:
    if found_fen is None:
        return f"the entry of {expected_fen} fen is missing"
    if expected_fen is None:
        return f"the entry of {found_fen} fen is not in the journal"
    return f"the entry says {found_fen} fen, the journal {expected_fen} fen"

"""One shard's part of the statements' tables, as SQL that all databases understand. Everything here blocks.

Entries are kept in runs: a run is what some consecutive records came to, up to a bounded number of entries,
ordered by account. New entries go only into the latest run, so what is written to stays small enough for the
database's cache however long the journal becomes; an account's statement is read run by run.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from services.settlement.adapters.statements.rows import (
    MOVEMENT_LIST,
    RUN_SHIFT,
    Cursor,
    EntryRow,
    Row,
    Run,
)
from services.settlement.domain.entries import Movement, Posted

TOTAL_ENTRIES_MIN: Final = 64
"""Accounts with so many entries in a run have their sum kept beside it. Wallets never do: they have few."""


class StatementTables(abc.ABC):
    """One handle on one shard's rows. Not for concurrent use. Errors are those of the database's driver."""

    def __init__(self, shard: int) -> None:
        self.shard = shard

    # What databases do in their own ways.

    @abc.abstractmethod
    def rows(self, query: str, values: Sequence[object] = ()) -> Sequence[Row]:
        """Runs a query whose places are marked with `?`."""

    def rows_of_each(self, query: str, values: Sequence[Sequence[object]]) -> Sequence[Sequence[Row]]:
        """Runs a query once for each tuple of values."""
        return [self.rows(query, each) for each in values]

    @abc.abstractmethod
    def reading(self) -> AbstractContextManager[None]:
        """A transaction in which all queries see the same."""

    @abc.abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """A transaction that has locked the shard's cursor: nobody else writes this shard meanwhile."""

    @abc.abstractmethod
    def insert(self, run: int, posted: Posted) -> None:
        """Adds movements and entries, inside `writing`."""

    # Writing.

    def append(self, cursor: Cursor, posted: Posted, run_entries_max: int) -> Cursor:
        """Adds what records came to, and moves the cursor past them, in one transaction.

        When somebody else has moved the cursor meanwhile, nothing is added and theirs is returned.
        """
        with self.writing():
            found = self.cursor()
            if found != cursor or posted.first_seq != found.seq + 1:
                return found
            run, run_entries = found.run, found.run_entries
            if run < 0 or run_entries >= run_entries_max:
                run, run_entries = self._next_run(run, posted), 0
            self.insert(run, posted)
            run_entries += len(posted.entries)
            self.rows(
                "UPDATE ledger_runs SET last_seq = ?, last_time_ms = ?, entries = ? WHERE run = ?",
                (posted.last_seq, posted.last_time_ms, run_entries, run),
            )
            moved = Cursor(posted.last_seq, posted.last_time_ms, run, run_entries, posted.mark)
            self._set_cursor(moved)
        return moved

    def clear(self) -> Cursor:
        """Drops all rows of the shard, so that they can be made again."""
        with self.writing():
            for table in ("ledger_entries", "ledger_run_totals"):
                self.rows(
                    f"DELETE FROM {table} WHERE run IN"  # noqa: S608 - one of two constants
                    " (SELECT run FROM ledger_runs WHERE shard = ?)",
                    (self.shard,),
                )
            self.rows("DELETE FROM ledger_movements WHERE shard = ?", (self.shard,))
            self.rows("DELETE FROM ledger_runs WHERE shard = ?", (self.shard,))
            self._set_cursor(Cursor())
        return Cursor()

    def _next_run(self, run: int, posted: Posted) -> int:
        self.rows(
            "INSERT INTO ledger_run_totals (run, account, amount_fen)"
            " SELECT run, account, SUM(amount_fen) FROM ledger_entries WHERE run = ? AND account < 0"
            " GROUP BY run, account HAVING COUNT(*) >= ?",
            (run, TOTAL_ENTRIES_MIN),
        )
        place = 0 if run < 0 else (run >> RUN_SHIFT) + 1
        number = place << RUN_SHIFT | self.shard
        self.rows(
            "INSERT INTO ledger_runs (run, shard, first_seq, last_seq, first_time_ms, last_time_ms, entries)"
            " VALUES (?, ?, ?, ?, ?, ?, 0)",
            (
                *(number, self.shard, posted.first_seq, posted.last_seq),
                *(posted.first_time_ms, posted.last_time_ms),
            ),
        )
        return number

    def _set_cursor(self, cursor: Cursor) -> None:
        self.rows(
            "UPDATE ledger_cursors SET seq = ?, time_ms = ?, run = ?, run_entries = ?, mark = ?, layout = ?"
            " WHERE shard = ?",
            (
                *(cursor.seq, cursor.time_ms, cursor.run, cursor.run_entries, cursor.mark, cursor.layout),
                self.shard,
            ),
        )

    # Reading.

    def cursor(self) -> Cursor:
        """Up to where the rows are complete."""
        rows = self.rows(
            "SELECT seq, time_ms, run, run_entries, mark, layout FROM ledger_cursors WHERE shard = ?",
            (self.shard,),
        )
        if not rows:
            return Cursor()
        seq, time_ms, run, run_entries, mark, layout = rows[0]
        return Cursor(seq, time_ms, run, run_entries, bytes(mark), layout)

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        rows = self.rows(
            "SELECT run, first_seq, last_seq, first_time_ms, last_time_ms, entries"
            " FROM ledger_runs WHERE shard = ? ORDER BY run",
            (self.shard,),
        )
        return [Run(*row) for row in rows]

    def seq_at(self, time_ms: int, runs: Sequence[Run]) -> int:
        """The event from which on nothing that moved is older than this; beyond the last if all is older."""
        older = [run for run in runs if run.first_time_ms < time_ms]
        if not older:
            return 0
        # Times of a journal never go back, so the place can be found by halving, without an index.
        low, high = older[-1].first_seq, older[-1].last_seq + 1
        while low < high:
            middle = (low + high) // 2
            found = self.rows(
                "SELECT seq, time_ms FROM ledger_movements WHERE shard = ? AND seq >= ? ORDER BY seq LIMIT 1",
                (self.shard, middle),
            )
            if not found or found[0][0] >= high or found[0][1] >= time_ms:
                high = middle
            else:
                low = int(found[0][0]) + 1
        return low

    def balance_fen(self, account: int, before_seq: int, runs: Sequence[Run]) -> int:
        """Credits - debits of an account in all events before this one, fen."""
        whole = {run.run for run in runs if run.last_seq < before_seq}
        totals = {run: fen for run, fen in self.run_totals(account) if run in whole}
        sums = self.rows_of_each(
            "SELECT SUM(amount_fen) FROM ledger_entries WHERE run = ? AND account = ? AND seq < ?",
            [
                (run.run, account, before_seq)
                for run in runs
                if run.first_seq < before_seq and run.run not in totals
            ],
        )
        return sum(totals.values()) + sum(int(rows[0][0] or 0) for rows in sums)

    def run_totals(self, account: int) -> Sequence[tuple[int, int]]:
        """(run, fen) of the finished runs in which an account has many entries."""
        if account > 0:
            return ()
        rows = self.rows("SELECT run, amount_fen FROM ledger_run_totals WHERE account = ?", (account,))
        return [(row[0], row[1]) for row in rows]

    def newer(
        self, account: int, after: tuple[int, int], to_seq: int, limit: int, runs: Sequence[Run]
    ) -> list[EntryRow]:
        """An account's entries after (seq, line) and before an event, oldest first."""
        wanted = [run for run in runs if run.last_seq >= after[0] and run.first_seq < to_seq]
        condition, order = "(seq, line) > (?, ?) AND seq < ?", "seq, line"
        return self._page(wanted, account, condition, order, (*after, to_seq), limit)

    def older(
        self, account: int, before: tuple[int, int], from_seq: int, limit: int, runs: Sequence[Run]
    ) -> list[EntryRow]:
        """An account's entries before (seq, line) and from an event on, newest first."""
        wanted = [run for run in reversed(runs) if run.first_seq <= before[0] and run.last_seq >= from_seq]
        condition, order = "(seq, line) < (?, ?) AND seq >= ?", "seq DESC, line DESC"
        return self._page(wanted, account, condition, order, (*before, from_seq), limit)

    def entry(self, account: int, seq: int, line: int) -> EntryRow | None:
        """One entry by its key."""
        for run in self.runs():
            if run.first_seq <= seq <= run.last_seq:
                condition = "seq = ? AND line = ?"
                found = self._page([run], account, condition, "seq", (seq, line), 1)
                return found[0] if found else None
        return None

    def _page(
        self,
        runs: Sequence[Run],
        account: int,
        condition: str,
        order: str,
        values: tuple[int, ...],
        limit: int,
    ) -> list[EntryRow]:
        # One table a query, by its key: no planner can get that wrong, whatever it knows of the tables.
        query = (
            "SELECT seq, line, amount_fen FROM ledger_entries"  # noqa: S608 - made of constants
            f" WHERE run = ? AND account = ? AND {condition} ORDER BY {order} LIMIT ?"
        )
        entries: list[Row] = []
        for run in runs:
            if len(entries) == limit:
                break
            entries += self.rows(query, (run.run, account, *values, limit - len(entries)))
        movements = self.rows_of_each(
            f"SELECT {MOVEMENT_LIST} FROM ledger_movements"  # noqa: S608 - made of constants
            " WHERE shard = ? AND seq = ? AND line <= ? ORDER BY line DESC LIMIT 1",
            [(self.shard, seq, line) for seq, line, _ in entries],
        )
        return [
            EntryRow(seq, line, amount_fen, Movement(*found[0]))
            for (seq, line, amount_fen), found in zip(entries, movements, strict=True)
            if found
        ]

    # What an audit compares with the journal.

    def movements(self, after: tuple[int, int], to_seq: int, limit: int) -> list[Movement]:
        """Movements after (seq, line), up to an event, in order."""
        rows = self.rows(
            f"SELECT {MOVEMENT_LIST} FROM ledger_movements"  # noqa: S608 - made of constants
            " WHERE shard = ? AND (seq, line) > (?, ?) AND seq <= ? ORDER BY seq, line LIMIT ?",
            (self.shard, *after, to_seq, limit),
        )
        return [Movement(*row) for row in rows]

    def run_entries(
        self, run: int, after: tuple[int, int, int], limit: int
    ) -> Sequence[tuple[int, int, int, int]]:
        """Entries of a run after (account, seq, line), as (account, seq, line, amount), in that order."""
        rows = self.rows(
            "SELECT account, seq, line, amount_fen FROM ledger_entries"
            " WHERE run = ? AND (account, seq, line) > (?, ?, ?) ORDER BY account, seq, line LIMIT ?",
            (run, *after, limit),
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def totals_of_run(self, run: int) -> Sequence[tuple[int, int]]:
        """(account, fen) of the sums that are kept beside a run."""
        rows = self.rows("SELECT account, amount_fen FROM ledger_run_totals WHERE run = ?", (run,))
        return [(row[0], row[1]) for row in rows]

    def close(self) -> None:  # noqa: B027 - connections may be shared
        """Lets go of what only this handle uses."""

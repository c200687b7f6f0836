"""An audit of statements names the first row that is not what the journal says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from services.mesh.journal.port import Record
from services.settlement.adapters.statements.audit import StatementAudit, audit_statements
from services.settlement.adapters.statements.sqlite import place_of
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.entries import account_key
from tests.integration.statement_tables import (
    ACCOUNTS,
    ESCROW,
    SHARD,
    fill,
    history,
    model,
    postgres_tables,
    sqlite_tables,
)

HISTORY = history(seed=2017, events=90)
Kept = tuple[str, Callable[[], AbstractContextManager[StatementTables]]]
"""Where statements of the history are, and how to open them."""


def read(after_seq: int, limit: int) -> Sequence[Record]:
    return [
        Record(seq, 1, event.SerializeToString(), time_ms)
        for seq, time_ms, event in HISTORY[after_seq : after_seq + limit]
    ]


def audit(kept: Kept) -> StatementAudit:
    found = audit_statements(kept[0], SHARD, read, len(HISTORY))
    assert found is not None
    return found


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "sqlite":
        url = f"sqlite:{tmp_path}"
        open_tables: Callable[[], AbstractContextManager[StatementTables]] = partial(
            sqlite_tables, place_of(tmp_path, SHARD)
        )
    else:
        url = request.getfixturevalue("postgres_shared_url")
        open_tables = partial(postgres_tables, url)
    with open_tables() as tables:
        tables.clear()
        fill(tables, HISTORY)
    yield url, open_tables
    with open_tables() as tables:
        tables.clear()


def test_untouched_statements_are_those_of_the_journal(kept: Kept) -> None:
    found = audit(kept)
    assert found.difference is None
    assert found.complete_seq == len(HISTORY)
    assert found.entries == sum(len(model(HISTORY, account_id)) for account_id in ACCOUNTS)


@pytest.mark.parametrize("wallet", [3, 7])
def test_an_altered_amount_is_named(kept: Kept, wallet: int) -> None:
    seq, line, _, amount_fen = model(HISTORY, f"wallet:{wallet}")[4]
    with kept[1]() as tables:
        tables.rows(
            "UPDATE ledger_entries SET amount_fen = amount_fen + 1"
            " WHERE account = ? AND seq = ? AND line = ?",
            (wallet, seq, line),
        )
        # A later one, too: the first is named.
        tables.rows("UPDATE ledger_entries SET amount_fen = 0 WHERE seq > ?", (seq,))
    difference = audit(kept).difference
    assert difference is not None
    assert (difference.seq, difference.line, difference.account_id) == (seq, line, f"wallet:{wallet}")
    assert difference.sentence == f"the entry says {amount_fen + 1} fen, the journal {amount_fen} fen"


def test_a_deleted_entry_is_named(kept: Kept) -> None:
    seq, line, _, _ = model(HISTORY, ESCROW)[3]
    with kept[1]() as tables:
        tables.rows("DELETE FROM ledger_entries WHERE seq = ? AND line = ?", (seq, line))
    difference = audit(kept).difference
    assert difference is not None
    assert (difference.seq, difference.line) == (seq, line)
    assert "missing" in difference.sentence


def test_an_entry_that_nobody_posted_is_named(kept: Kept) -> None:
    with kept[1]() as tables:
        run = tables.runs()[1]
        tables.rows(
            "INSERT INTO ledger_entries (run, account, seq, line, amount_fen) VALUES (?, ?, ?, ?, ?)",
            (run.run, 7, run.first_seq, 4_000, 99),
        )
    difference = audit(kept).difference
    assert difference is not None
    assert (difference.seq, difference.line, difference.account_id) == (run.first_seq, 4_000, "wallet:7")
    assert difference.sentence == "the entry of 99 fen is not in the journal"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("SET time_ms = time_ms + 1", "time_ms is"),
        ("SET credit = 'wallet:8', amount_fen = 1", "amount_fen is 1, not"),
        ("SET line = line + 5000", "missing"),
    ],
)
def test_an_altered_movement_is_named(kept: Kept, change: str, sentence: str) -> None:
    seq = model(HISTORY, "bank_clearing:1")[2][0]
    with kept[1]() as tables:
        tables.rows(f"UPDATE ledger_movements {change} WHERE seq = ? AND line = 0", (seq,))
    difference = audit(kept).difference
    assert difference is not None
    assert (difference.seq, difference.line) == (seq, 0)
    assert sentence in difference.sentence


def test_an_altered_sum_of_a_run_is_named(kept: Kept) -> None:
    with kept[1]() as tables:
        run = tables.runs()[0]
        tables.rows(
            "INSERT INTO ledger_run_totals (run, account, amount_fen) VALUES (?, ?, ?)",
            (run.run, account_key(ESCROW), 1),
        )
    difference = audit(kept).difference
    assert difference is not None
    assert (difference.seq, difference.account_id) == (run.last_seq, ESCROW)
    assert "the sum of its run is kept as 1 fen" in difference.sentence


def test_rows_of_events_that_have_not_been_are_named(kept: Kept) -> None:
    with kept[1]() as tables:
        tables.rows("UPDATE ledger_movements SET seq = 5000 WHERE seq = ?", (HISTORY[-1][0],))
        tables.rows("UPDATE ledger_cursors SET seq = ?", (len(HISTORY) + 7,))
    difference = audit(kept).difference
    assert difference is not None
    assert difference.sentence == f"the journal ends at {len(HISTORY)}, before the statements"


def test_where_no_statements_are_kept_there_is_nothing_to_compare(tmp_path: Path) -> None:
    assert audit_statements(f"sqlite:{tmp_path}", SHARD, read, len(HISTORY)) is None
    assert not list(tmp_path.iterdir())

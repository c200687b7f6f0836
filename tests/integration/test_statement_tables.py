"""The statements' tables on SQLite and PostgreSQL: the same rows, the same answers, the same sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.settlement.adapters.statements import tables as statement_tables
from services.settlement.adapters.statements.reading import read_entry, read_page
from services.settlement.adapters.statements.rows import Cursor
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.entries import Posted, account_key, posted
from services.settlement.domain.statement_errors import EntryUnknown, PageTokenInvalid, StatementBehind
from services.settlement.domain.statements import Entry, Order, PagePlace, StatementQuery, normal_sign
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

Open = Callable[[], AbstractContextManager[StatementTables]]
"""Opens a handle on tables that had no rows when the test began."""
HISTORY = history(seed=2016, events=160)
MANY = 9
TIMES_MS = sorted({time_ms for _, time_ms, _ in HISTORY})
MOMENTS_MS = st.sampled_from([TIMES_MS[0] - 1, *TIMES_MS, *(it + 1 for it in TIMES_MS), TIMES_MS[-1] + 9_999])


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, postgres_shared_url: str
) -> Iterator[tuple[StatementTables, StatementTables]]:
    """The same history in both databases."""
    place = tmp_path_factory.mktemp("statements") / "1.db"
    with sqlite_tables(place) as in_file, postgres_tables(postgres_shared_url) as in_server:
        with pytest.MonkeyPatch.context() as patch:
            # These runs are short: some accounts have their sums kept beside some of them, others have not.
            patch.setattr(statement_tables, "TOTAL_ENTRIES_MIN", MANY)
            for tables in (in_file, in_server):
                tables.clear()
                fill(tables, HISTORY)
        yield in_file, in_server
        in_server.clear()


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    if request.param == "sqlite":
        yield partial(sqlite_tables, tmp_path / "1.db")
        return
    url = request.getfixturevalue("postgres_shared_url")
    with postgres_tables(url, SHARD + 1) as tables:
        tables.clear()
        yield partial(postgres_tables, url, SHARD + 1)
        tables.clear()


def read_all(tables: StatementTables, query: StatementQuery) -> tuple[list[Entry], int, int]:
    """All pages of a statement, its opening and its closing balance."""
    entries: list[Entry] = []
    token = ""
    while True:
        page = read_page(tables, replace(query, page_token=token))
        assert len(page.entries) <= query.page_size
        entries += page.entries
        token = page.next_page_token
        if not token:
            return entries, page.opening_fen, page.closing_fen


@given(
    account_id=st.sampled_from(ACCOUNTS),
    order=st.sampled_from(Order),
    page_size=st.integers(1, 30),
    from_ms=st.none() | MOMENTS_MS,
    to_ms=st.none() | MOMENTS_MS,
)
@settings(max_examples=60, deadline=None)
def test_opening_balance_and_all_entries_of_all_pages_are_the_closing_balance(
    filled: tuple[StatementTables, StatementTables],
    account_id: str,
    order: Order,
    page_size: int,
    from_ms: int | None,
    to_ms: int | None,
) -> None:
    query = StatementQuery(account_id, from_ms, to_ms, order, page_size)
    answers = [read_all(tables, query) for tables in filled]
    assert answers[0] == answers[1]
    entries, opening_fen, closing_fen = answers[0]

    sign = normal_sign(account_id)
    known = model(HISTORY, account_id)
    before_fen = sum(fen for _, _, time_ms, fen in known if from_ms is not None and time_ms < from_ms)
    wanted = [
        (seq, line, time_ms, fen)
        for seq, line, time_ms, fen in known
        if (from_ms is None or time_ms >= from_ms) and (to_ms is None or time_ms < to_ms)
    ]
    in_order = entries if order is Order.OLDEST_FIRST else entries[::-1]
    assert [(it.seq, it.line, it.time_ms, sign * it.amount_fen) for it in in_order] == wanted
    assert opening_fen == sign * before_fen
    assert opening_fen + sum(entry.amount_fen for entry in entries) == closing_fen
    balances = [opening_fen, *(entry.balance_fen or 0 for entry in in_order)]
    assert all(
        after - before == entry.amount_fen
        for (before, after), entry in zip(pairwise(balances), in_order, strict=True)
    )
    assert balances[-1] == closing_fen


def insert_and_break(tables: StatementTables, cursor: Cursor, batch: Posted) -> None:
    with tables.writing():
        tables.insert(cursor.run, batch)
        tables.rows("SELECT pg_terminate_backend(pg_backend_pid())")


def test_every_entry_is_found_by_its_key(filled: tuple[StatementTables, StatementTables]) -> None:
    for tables in filled:
        for account_id in ACCOUNTS:
            for seq, line, time_ms, amount_fen in model(HISTORY, account_id)[::9]:
                entry = read_entry(tables, account_id, seq, line)
                found = (entry.seq, entry.line, entry.time_ms, normal_sign(account_id) * entry.amount_fen)
                assert found == (seq, line, time_ms, amount_fen)


def test_what_is_no_entry_is_unknown_and_what_is_not_in_yet_is_behind(
    filled: tuple[StatementTables, StatementTables],
) -> None:
    for tables in filled:
        seq = model(HISTORY, ESCROW)[0][0]
        with pytest.raises(EntryUnknown):
            read_entry(tables, ESCROW, seq, 99)
        with pytest.raises(EntryUnknown):
            read_entry(tables, "sponsor:7", seq, 0)
        with pytest.raises(StatementBehind):
            read_entry(tables, ESCROW, len(HISTORY) + 1, 0)


def test_pages_of_one_list_do_not_move_when_more_is_added(
    empty: Open,
) -> None:
    with empty() as tables:
        cursor = fill(tables, HISTORY[:80])
        query = StatementQuery(ESCROW, page_size=5)
        first = read_page(tables, query)
        whole, opening_fen, closing_fen = read_all(tables, query)
        records = [(seq, time_ms, event.SerializeToString()) for seq, time_ms, event in HISTORY[80:]]
        tables.append(cursor, posted(records), 40)
        entries, token = list(first.entries), first.next_page_token
        while token:
            page = read_page(tables, StatementQuery(ESCROW, page_size=5, page_token=token))
            assert (page.opening_fen, page.closing_fen) == (opening_fen, closing_fen)
            entries += page.entries
            token = page.next_page_token
        assert entries == whole


def test_a_token_is_good_for_its_own_list_only(filled: tuple[StatementTables, StatementTables]) -> None:
    tables, _ = filled
    token = read_page(tables, StatementQuery(ESCROW, page_size=1)).next_page_token
    for query in (
        StatementQuery("wallet:1", page_size=1, page_token=token),
        StatementQuery(ESCROW, order=Order.OLDEST_FIRST, page_token=token),
        StatementQuery(ESCROW, from_ms=1, page_token=token),
        StatementQuery(ESCROW, page_token=token[:-4] + "AAA="),
        StatementQuery(ESCROW, page_token="page two"),
        StatementQuery(
            ESCROW, page_token=PagePlace(1, 0, 1, 5, 2**63 - 1, 0, 0).token(StatementQuery(ESCROW))
        ),
    ):
        with pytest.raises(PageTokenInvalid):
            read_page(tables, query)


def test_sums_of_runs_are_kept_for_accounts_with_many_entries(
    filled: tuple[StatementTables, StatementTables],
) -> None:
    for tables in filled:
        totals = dict(tables.run_totals(account_key(ESCROW)))
        *finished, last = tables.runs()
        assert last.run not in totals
        assert 0 < len(totals) < len(finished)
        for run in finished:
            seqs = range(run.first_seq, run.last_seq + 1)
            entries = [amount_fen for seq, _, _, amount_fen in model(HISTORY, ESCROW) if seq in seqs]
            assert totals.get(run.run) == (sum(entries) if len(entries) >= MANY else None)
        assert not tables.run_totals(account_key("wallet:1"))


def test_runs_are_bounded_and_follow_each_other(filled: tuple[StatementTables, StatementTables]) -> None:
    runs, others = (tables.runs() for tables in filled)
    assert runs == others
    assert len(runs) > 5
    assert (runs[0].first_seq, runs[-1].last_seq) == (1, len(HISTORY))
    assert all(after.first_seq == before.last_seq + 1 for before, after in pairwise(runs))


def test_two_who_add_the_same_at_once_add_it_once(
    empty: Open,
) -> None:
    def add() -> Cursor:
        with empty() as tables:
            cursor = tables.cursor()
            while cursor.seq < len(HISTORY):
                records = [
                    (seq, time_ms, event.SerializeToString())
                    for seq, time_ms, event in HISTORY[cursor.seq : cursor.seq + 3]
                ]
                cursor = tables.append(cursor, posted(records), 40)
            return cursor

    with ThreadPoolExecutor(3) as owners:
        ends = [it.result() for it in [owners.submit(add) for _ in range(3)]]
    assert ends[0] == ends[1] == ends[2]
    with empty() as tables:
        for account_id in ACCOUNTS:
            known = model(HISTORY, account_id)
            assert [
                (it.seq, it.line) for it in reversed(read_all(tables, StatementQuery(account_id))[0])
            ] == [(seq, line) for seq, line, _, _ in known]
            total_fen = sum(amount_fen for *_, amount_fen in known)
            assert tables.balance_fen(account_key(account_id), len(HISTORY) + 1, tables.runs()) == total_fen


def test_a_batch_whose_rows_cannot_be_added_leaves_nothing(
    empty: Open,
) -> None:
    with empty() as tables:
        cursor = fill(tables, HISTORY[:50])
        before = tables.movements((0, -1), 99, 999)
        batch = posted([(seq, time_ms, event.SerializeToString()) for seq, time_ms, event in HISTORY[50:60]])
        twice = posted([(seq, time_ms, event.SerializeToString()) for seq, time_ms, event in HISTORY[40:60]])
        broken = type(batch)(
            *(batch.first_seq, batch.last_seq, batch.first_time_ms, batch.last_time_ms),
            *(batch.mark, twice.movements, twice.entries),
        )
        with pytest.raises(Exception, match=r"(?i)unique"):
            tables.append(cursor, broken, 40)
    with empty() as tables:
        assert tables.cursor() == cursor
        assert tables.movements((0, -1), 99, 999) == before


def test_shards_share_a_database_and_see_only_their_own(postgres_shared_url: str) -> None:
    with (
        postgres_tables(postgres_shared_url, SHARD + 2) as one,
        postgres_tables(postgres_shared_url, SHARD + 3) as two,
    ):
        fill(one, HISTORY[:40])
        fill(two, HISTORY[:20])
        one.clear()
        assert one.runs() == []
        assert read_all(two, StatementQuery(ESCROW))[1:] == (
            0,
            sum(amount_fen for *_, amount_fen in model(HISTORY[:20], ESCROW)),
        )
        two.clear()


def test_a_connection_that_breaks_in_a_batch_loses_all_of_it(postgres_shared_url: str) -> None:
    with postgres_tables(postgres_shared_url, SHARD + 4) as tables:
        cursor = fill(tables, HISTORY[:50])
        batch = posted([(seq, time_ms, event.SerializeToString()) for seq, time_ms, event in HISTORY[50:60]])
        with pytest.raises(psycopg.OperationalError):
            insert_and_break(tables, cursor, batch)
    with postgres_tables(postgres_shared_url, SHARD + 4) as tables:
        assert tables.cursor() == cursor
        assert tables.append(cursor, batch, 40).seq == 60
        tables.clear()

"""`hongbao statement`: what it writes, against real shards."""

from __future__ import annotations

import csv
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hongbao.settlement.v1 import statements_pb2 as pb
from services.cli.app import app
from services.cli.commands import statement
from services.cli.commands.statement import Asked, moment, write_csv
from services.cli.console import Refusal
from services.cli.operator import Operator
from services.mesh.clock import ManualClock
from tests.integration.settlement_mesh import SPONSOR, SettlementMesh

SPONSOR_ACCOUNT = f"sponsor:{SPONSOR}"


@pytest.fixture
async def mesh() -> AsyncIterator[SettlementMesh]:
    async with SettlementMesh() as mesh:
        await mesh.start()
        await mesh.deposit(10_000)
        await mesh.pass_time(60)
        await mesh.hold_round([100, 200, 300, 400])
        yield mesh


def operator(mesh: SettlementMesh) -> Operator:
    # A map that nobody watches is enough where owners stay.
    return Operator(mesh.settings("operator"), mesh.operator, {"settlement": mesh.map})  # type: ignore[dict-item]


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_file_has_all_entries_and_their_balances(mesh: SettlementMesh, tmp_path: Path) -> None:
    out = tmp_path / "sponsor.csv"
    asked = Asked(SPONSOR_ACCOUNT, None, None)
    count, page = await write_csv(operator(mesh), mesh.settings("operator"), asked, out)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["amount_fen"]) for row in rows] == [10_000, -100, -200, -300, -400]
    assert [int(row["balance_fen"]) for row in rows] == [10_000, 9_900, 9_700, 9_400, 9_000]
    assert (rows[0]["code"], rows[0]["phase"], rows[0]["source_seq"]) == ("deposit", "single", "")
    assert rows[0]["posted_at"] == "2016-02-07T20:00:00.000+08:00"
    assert {row["account_id"] for row in rows} == {SPONSOR_ACCOUNT}
    assert (count, page.closing_fen) == (5, 9_000)
    assert [path.name for path in files(tmp_path)] == [out.name]


async def test_a_period_begins_and_ends_in_beijing(
    mesh: SettlementMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "PAGE_ENTRIES", 2)
    out = tmp_path / "sponsor.csv"
    asked = Asked(SPONSOR_ACCOUNT, moment("2016-02-07T20:00:30"), moment("2016-02-08"))
    count, page = await write_csv(operator(mesh), mesh.settings("operator"), asked, out)
    assert (count, page.opening_fen, page.closing_fen) == (4, 10_000, 9_000)


async def test_a_statement_that_does_not_add_up_is_not_written(
    mesh: SettlementMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(*_: object) -> pb.ListEntriesResponse:
        return pb.ListEntriesResponse(
            opening_fen=1, closing_fen=3, entries=[pb.Entry(amount_fen=1, balance_fen=2)]
        )

    monkeypatch.setattr(statement, "_page", page)
    asked = Asked(SPONSOR_ACCOUNT, None, None)
    with pytest.raises(Refusal, match="come to 1 fen, but the balance went from 1 to 3 fen"):
        await write_csv(operator(mesh), mesh.settings("operator"), asked, tmp_path / "wrong.csv")
    assert files(tmp_path) == []


@pytest.mark.parametrize("account_id", ["in_transit:0:1", "nothing:7", "wallet:me"])
async def test_an_account_that_cannot_be_is_refused(
    mesh: SettlementMesh, tmp_path: Path, account_id: str
) -> None:
    asked = Asked(account_id, None, None)
    with pytest.raises(Refusal, match="no account of one shard is called"):
        await write_csv(operator(mesh), mesh.settings("operator"), asked, tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--from", "yesterday"], "is neither a day, as 2026-02-16, nor a time"),
        (["--from", "0001-01-01"], "is neither a day, as 2026-02-16, nor a time"),
        (["--from", "2026-02-16", "--to", "2026-02-16"], "it must be after --from"),
    ],
)
def test_a_period_that_is_none_is_refused(options: list[str], complaint: str) -> None:
    outcome = CliRunner().invoke(app, ["statement", "wallet:7", *options], env={"COLUMNS": "200"})
    assert outcome.exit_code == 2
    assert complaint in outcome.output


def test_times_are_those_of_beijing_unless_they_say_where() -> None:
    eve_ms = ManualClock().now_ms()
    assert moment("2016-02-07T20:00").timestamp() * 1000 == eve_ms
    assert moment("2016-02-07T12:00+00:00").timestamp() * 1000 == eve_ms


@pytest.mark.parametrize("text", ["=1+1", "+1", "@SUM(A1)", "-2"])
def test_what_others_wrote_is_no_formula(text: str) -> None:
    entry = pb.Entry(source_reference=text, amount_fen=-5)
    row = dict(zip(statement.CSV_COLUMNS, statement._csv_row(entry), strict=True))
    assert (row["source_reference"], row["amount_fen"]) == (f"'{text}", -5)


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for out in (pipe, link):
        outcome = CliRunner().invoke(app, ["statement", "wallet:7", "--csv", str(out)])
        assert isinstance(outcome.exception, Refusal)
        assert "is no file, and would be replaced by one" in str(outcome.exception)
    assert pipe.is_fifo()
    assert link.is_symlink()

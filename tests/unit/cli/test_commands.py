from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.commands.gala import finish
from services.cli.console import Refusal
from services.cli.disputes import _fen
from services.cli.operator import is_id
from services.cli.places import require_place
from tests.unit.cli.test_report import IN_ORDER


@pytest.mark.parametrize("text", ["gala-20261122-001351", "abc", "a" * 40])
def test_ids_of_the_contract_are_taken(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "ab", "A-B-C", "-abc", "abc-", "a b c", "a" * 41, "五福"])
def test_other_texts_are_no_ids(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize("arguments", [["gala", "--campaign", "Bad id!"], ["verify", "Bad id!"]])
def test_a_bad_id_is_refused_before_anything_is_started(arguments: list[str]) -> None:
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 2
    assert "is no id" in outcome.output


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    require_place(None, "--report")
    require_place(tmp_path / "report.json", "--report")
    os.mkfifo(tmp_path / "pipe")
    require_place(tmp_path / "pipe", "--report")
    with pytest.raises(Refusal, match="is no file, and would be replaced by one; name another --out"):
        require_place(tmp_path / "pipe", "--out", replaces=True)
    with pytest.raises(Refusal, match="is a folder; name a file in it with --out"):
        require_place(tmp_path, "--out")
    with pytest.raises(Refusal, match="does not exist; create it first"):
        require_place(tmp_path / "nowhere" / "report.json", "--report")


def test_nobody_has_a_number_that_is_too_large() -> None:
    outcome = CliRunner().invoke(
        app, ["publish", "spring", "round-1", "--out", "mine", "--person", str(1 << 63)]
    )
    assert outcome.exit_code == 2


@pytest.mark.parametrize("place", [".", "/", "nowhere/round"])
def test_a_round_is_not_published_where_no_file_can_be(place: str) -> None:
    outcome = CliRunner().invoke(app, ["publish", "spring", "round-1", "--out", place])
    assert isinstance(outcome.exception, Refusal)
    assert "is a folder" in str(outcome.exception) or "does not exist" in str(outcome.exception)


def test_an_evening_is_shown_even_when_its_report_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "report.json"
    place.mkdir()
    with pytest.raises(Refusal, match="the report could not be written"):
        finish(IN_ORDER, place)
    assert "difference: 0 fen" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["journal", "--url", "mysql://here"], "a journal's address is sqlite:<folder>"),
        (["failover", "--shards", "1"], "shards must be 2 or more"),
        (["round", "--packets", "1023"], "--packets"),
        (["round", "--shards", "3"], "a power of two"),
    ],
)
def test_a_bench_that_could_not_work_is_refused_before_anything_is_started(
    arguments: list[str], complaint: str
) -> None:
    outcome = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
    assert outcome.exit_code == 2
    assert complaint in outcome.output


def test_a_bad_setting_is_named_before_a_bench_begins(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HONGBAO_BACKOFF_MS_MIN", "soon")
    assert CliRunner().invoke(app, ["bench", "round"]).exit_code == 2
    assert "HONGBAO_BACKOFF_MS_MIN: " in capfd.readouterr().err


def test_a_bench_of_a_journal_takes_its_files_away(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["bench", "journal", "--url", f"sqlite:{tmp_path}", "--seconds", "0.1"])
    assert outcome.exit_code == 0
    assert list(tmp_path.iterdir()) == []


DISPUTE = "42-9f2c00e1a7b35d68"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["show", "42"], "is no dispute"),
        (["show", "42-9F2C00E1A7B35D68"], "is no dispute"),
        (["decide", DISPUTE], "either --pay with an amount, or --reject"),
        (["decide", DISPUTE, "--pay", "1", "--reject"], "either --pay with an amount, or --reject"),
        (["decide", DISPUTE, "--pay", "0.00"], "no amount above 0"),
        (["decide", DISPUTE, "--pay", "-1"], "no amount above 0"),
        (["decide", DISPUTE, "--pay", "1.005"], "no amount above 0"),
        (["decide", DISPUTE, "--pay", "1e3"], "no amount above 0"),
        (["list", "--state", "lost"], "--state"),
    ],
)
def test_a_dispute_is_not_decided_by_mistake(arguments: list[str], complaint: str) -> None:
    who = ["--operator", "wang", "--reason", "x"] if arguments[0] == "decide" else []
    outcome = CliRunner().invoke(app, ["disputes", *arguments, *who], env={"COLUMNS": "200"})
    assert outcome.exit_code == 2
    assert complaint in outcome.output


@pytest.mark.parametrize(("text", "amount_fen"), [("3", 300), ("3.5", 350), ("0.01", 1), ("12.34", 1234)])
def test_amounts_are_read_in_yuan_without_fractions_of_a_fen(text: str, amount_fen: int) -> None:
    assert _fen(text) == amount_fen

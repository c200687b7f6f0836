from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.commands.gala import finish, require_report_place
from services.cli.console import Refusal
from services.cli.operator import is_id
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


def test_a_report_that_cannot_be_written_is_refused_before_the_evening(tmp_path: Path) -> None:
    require_report_place(None)
    require_report_place(tmp_path / "report.json")
    with pytest.raises(Refusal, match="is a folder"):
        require_report_place(tmp_path)
    with pytest.raises(Refusal, match="does not exist; create it first"):
        require_report_place(tmp_path / "nowhere" / "report.json")


def test_an_evening_is_shown_even_when_its_report_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "report.json"
    place.mkdir()
    with pytest.raises(Refusal, match="the report could not be written"):
        finish(IN_ORDER, place)
    assert "difference: 0 fen" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [place]

"""`hongbao cards open`, `show` and `publish`: what is refused before any mesh is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import json_format
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.console import Refusal
from tests.unit.cli.test_plan_file import plan

OPEN = ("open", "spring", "--sponsor", "7", "--pool", "100", "--deadline", "2026-02-17")


@pytest.fixture
def plan_path(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(json_format.MessageToJson(plan()))
    return path


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("open", "Spring"), "is no id"),
        (("open", "spring"), "Missing option"),
        ((*OPEN, "--pool", "0.005"), "no amount above 0 in yuan"),
        ((*OPEN, "--pool", "-3"), "no amount above 0 in yuan"),
        ((*OPEN, "--sponsor", "0"), "--sponsor"),
        ((*OPEN, "--deadline", "tomorrow"), "neither a day, as 2026-02-16, nor a time"),
        ((*OPEN, "--opens", "25:00"), "neither a day"),
        ((*OPEN, "--share-mode", "fair"), "--share-mode"),
        ((*OPEN, "--deals-per-day", "10001"), "--deals-per-day"),
        (("show", "a"), "is no id"),
        (("clusters", "spring", "--givers-min", "1"), "at least 2 people make a hub"),
        (("clusters", "spring", "--most", "0"), "--most"),
        (("publish", "spring"), "Missing option"),
        (("publish", "spring", "--out", "x", "--person", "7"), "one card takes all of --person"),
        (("publish", "spring", "--out", "x", "--key", "a"), "one card takes all of --person"),
        (("publish", "spring", "--out", "x", "--person", "7", "--source", "luck"), "--source"),
    ],
)
def test_options_that_mean_nothing_are_named(
    arguments: tuple[str, ...], complaint: str, plan_path: Path
) -> None:
    rest = ("--plan", str(plan_path)) if len(arguments) > len(OPEN) else ()
    outcome = CliRunner().invoke(app, ["cards", *arguments, *rest], env={"COLUMNS": "200"})
    assert outcome.exit_code == 2
    assert complaint in outcome.output


def test_a_game_that_could_not_be_needs_no_mesh_to_be_refused(plan_path: Path, tmp_path: Path) -> None:
    arguments = ["cards", *OPEN, "--home", str(tmp_path)]
    late = CliRunner().invoke(app, [*arguments, "--plan", str(plan_path), "--opens", "2026-02-18"])
    assert isinstance(late.exception, Refusal)
    assert "opens_at must be before deadline" in str(late.exception)
    missing = CliRunner().invoke(app, [*arguments, "--plan", str(tmp_path / "none")])
    assert isinstance(missing.exception, Refusal)
    assert "cannot be read" in str(missing.exception)
    homeless = CliRunner().invoke(app, [*arguments, "--plan", str(plan_path)])
    assert isinstance(homeless.exception, Refusal)
    assert "no mesh runs in" in str(homeless.exception)


@pytest.mark.parametrize("command", ["open", "show", "publish", "clusters"])
def test_each_command_has_an_example(command: str) -> None:
    outcome = CliRunner().invoke(app, ["cards", command, "--help"], env={"COLUMNS": "200"})
    assert outcome.exit_code == 0
    assert f"hongbao cards {command} spring-2026" in outcome.output

"""`hongbao cards plan` from its options to its files."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hongbao.cards.v1 import events_pb2 as events
from services.cards.contract import supply_from_contract
from services.cli.app import app
from services.cli.commands.cards_open import GameAsked
from services.cli.commands.cards_plan import Files, Ordered, plan_cards, unreachable
from services.cli.console import Refusal
from services.cli.plan_file import read_plan
from services.cli.planner.calibration import TEMPER
from services.cli.planner.crew import Work, WorkerLost, crew_of, games
from services.cli.planner.curve import Curve, Target
from services.cli.planner.estimate import Estimate, Interval
from services.cli.planner.plan_file import plan_json, supply_plan
from services.cli.planner.setting import ReleaseShape, Setting, Wishes, quotas_for
from services.cli.planner.sweep import Sweep, solved, swept
from services.cli.planner.table import COLUMNS

SETTING = Setting(quotas=quotas_for(40_000, Wishes()), people=40_000, sample=4_000, days=3, pool_fen=500_000)
SWEEP = Sweep(SETTING, (1, 2, 3), (100, 1_000, 8_000))


def files(folder: Path) -> Files:
    return Files(folder / "found.csv", folder / "found.png", folder / "plan.json")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def game_asked(plan: events.SupplyPlan, path: Path) -> GameAsked:
    opens_at = datetime(2026, 2, 1, tzinfo=UTC)
    return GameAsked("spring", 7, 100, plan, path, opens_at, opens_at + timedelta(days=61), None)


async def test_a_sweep_is_written_drawn_and_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = files(tmp_path)
    await plan_cards(Ordered(SWEEP, Target(sets_max=1_200), processes=2), out)

    rows = list(csv.DictReader(out.table.read_text("utf-8").splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert {"100", "1000", "8000"} <= {row["rare_limit"] for row in rows}
    assert all(int(row["sets_low"]) <= int(row["sets"]) <= int(row["sets_high"]) for row in rows)
    assert out.picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")

    plan = read_plan(out.plan or Path())
    rare = next(one for one in plan.card_limits if one.card == events.CARD_DEDICATION).issue_limit
    chosen = next(row for row in rows if int(row["rare_limit"]) == rare)
    assert int(chosen["sets_high"]) <= 1_200
    game_asked(plan, tmp_path).order(datetime(2026, 2, 1, tzinfo=UTC))
    assert names(tmp_path) == {"found.csv", "found.png", "plan.json"}
    assert f"{rare:,} rare cards" in capsys.readouterr().out


async def test_without_a_place_for_it_the_plan_of_a_target_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await plan_cards(Ordered(SWEEP, Target(sets_min=500), 1), replace(files(tmp_path), plan=None))
    printed = capsys.readouterr().out
    (tmp_path / "printed.json").write_text(printed[printed.index("\n{\n") :])
    assert read_plan(tmp_path / "printed.json").expected_deals > 0


async def test_what_cannot_be_reached_is_said_and_the_rest_is_written(tmp_path: Path) -> None:
    out = files(tmp_path)
    with pytest.raises(Refusal, match="39,999 people cannot be reached: even 8,000 rare cards"):
        await plan_cards(Ordered(SWEEP, Target(sets_min=39_999), 1), out)
    assert names(tmp_path) == {"found.csv", "found.png"}


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (Target(sets_min=900), "900 people cannot be reached: even 2,000 rare cards make only 800 sets"),
        (Target(sets_max=80), "the share cannot be reached: even with 1,000 rare cards each gets only 3.00"),
        (Target(sets_min=500, sets_max=550), "both cannot be reached: what lets 500 people complete"),
    ],
)
def test_it_is_said_why_a_target_cannot_be_reached(target: Target, complaint: str) -> None:
    nothing = Interval(0, 0, 0)
    curve = Curve(
        Estimate(rare, 2, Interval(sets, sets, sets), Interval(400, 300, 500), *([nothing] * 6))
        for rare, sets in ((1_000, 400), (2_000, 800))
    )
    assert complaint in unreachable(curve, target, SETTING)


async def test_how_many_processes_play_changes_nothing_and_days_are_counted() -> None:
    works = SWEEP.works((100, 8_000))
    days: list[None] = []
    async with crew_of(2, lambda: days.append(None)) as crew:
        beside = await crew.play(works)
    assert beside == [game for work in works for game in games(work)]
    assert len(days) == 3 * 2 * SETTING.days


async def test_a_process_that_dies_is_told_and_takes_none_with_it() -> None:
    days: list[None] = []

    def kill_at_once() -> None:
        days.append(None)
        crew._processes[0].kill()

    async with crew_of(2, kill_at_once) as crew:
        with pytest.raises(WorkerLost, match="seed 1 was ended"):
            await crew.play([Work(replace(SETTING, days=60), TEMPER, 1, (5,) * 100)])
    assert days
    assert not any(process.is_alive() for process in crew._processes)


async def test_a_target_is_met_by_a_limit_that_was_played() -> None:
    async with crew_of(1, lambda: None) as crew:
        curve = await swept(crew, SWEEP)
        target = Target(sets_min=2_000)
        found = await solved(crew, SWEEP, curve, target)
    assert found is not None
    assert found.sets.low >= 2_000
    assert 1_000 < found.rare_limit < 8_000
    assert curve.at(found.rare_limit) == found


@pytest.mark.parametrize("shape", ReleaseShape)
@pytest.mark.parametrize("days", [1, 11, 60])
def test_every_plan_is_one_that_the_service_takes(shape: ReleaseShape, days: int, tmp_path: Path) -> None:
    setting = replace(SETTING, days=days, shape=shape)
    estimate = Estimate(77, 2, *(Interval(5, 4, 6) for _ in range(8)))
    path = tmp_path / "plan.json"
    path.write_text(plan_json(setting, estimate))
    plan = read_plan(path)
    assert plan == supply_plan(setting, estimate)
    game_asked(plan, path).order(datetime(2026, 2, 1, tzinfo=UTC))
    assert supply_from_contract(plan).problem(days * 86_400_000) is None
    points = plan.release_curve.points
    assert [point.offset_ms for point in points] == sorted({point.offset_ms for point in points})
    assert points[-1].released_ppm == 1_000_000
    assert points[-1].offset_ms < days * 86_400_000
    if shape is ReleaseShape.EVEN:
        assert len(points) == 2


def test_the_largest_game_has_a_plan() -> None:
    setting = replace(SETTING, quotas=quotas_for(2_000_000_000, Wishes(friends=25)))
    plan = supply_plan(setting, Estimate(10_000_000_000, 2, *(Interval(5, 4, 6) for _ in range(8))))
    assert game_asked(plan, Path()).order(datetime(2026, 2, 1, tzinfo=UTC)).supply == plan


@pytest.mark.parametrize(
    "options",
    [
        "--share-at-least 0",
        "--share-at-least 1.234",
        "--pool much",
        "--pool 10000000000.01",
        "--people 10",
        "--seeds 1",
        "--rare 5 --rare-min 3",
        "--rare 5 --people-at-least 3",
        "--rare-min 50 --rare-max 50",
        "--plan plan.json",
        "--share-at-least 100 --people-at-least 20000000",
        "--friends 0 --taps 0 --shares 0",
        "--people 1000 --sponsor-cards 1000000",
        "--release sometimes",
        "--days 0",
        "--csv found --picture found",
        "--rare 5 --csv found --plan ./found",
    ],
)
def test_bad_options_are_refused_before_anything_is_played(
    options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(app, ["cards", "plan", *options.split()])
    assert outcome.exit_code == 2
    assert "Invalid value" in outcome.output
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_written_are_noticed_first(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["cards", "plan", "--csv", str(tmp_path / "nowhere" / "found.csv")])
    assert isinstance(outcome.exception, Refusal)


def test_what_draws_is_loaded_only_to_draw() -> None:
    code = "import services.cli.app, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - this code

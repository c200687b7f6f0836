"""`hongbao cards plan`: plays the sweep, shows what was found, and writes it down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.cli.console import COMPLAINTS, CONSOLE, Refusal
from services.cli.gala.progress import yuan
from services.cli.planner.crew import WorkerLost, crew_of
from services.cli.planner.curve import Curve, Target
from services.cli.planner.estimate import INTERVAL, Estimate, Interval
from services.cli.planner.picture import draw
from services.cli.planner.plan_file import plan_json
from services.cli.planner.setting import Setting
from services.cli.planner.sweep import Sweep, solved, swept
from services.cli.planner.table import write_table


@dataclass(frozen=True, slots=True)
class Ordered:
    """What is asked for."""

    sweep: Sweep
    target: Target | None
    processes: int


@dataclass(frozen=True, slots=True)
class Files:
    """Where it goes. Each file is there whole, or not at all."""

    table: Path
    picture: Path
    plan: Path | None


async def plan_cards(ordered: Ordered, files: Files) -> None:
    """Raises `Refusal` when no limit meets the target; table and picture are written all the same."""
    sweep = ordered.sweep
    try:
        curve, chosen = await _found(ordered)
    except WorkerLost as lost:
        raise Refusal(str(lost)) from None
    if ordered.target is None and len(sweep.rare_limits) == 1:
        chosen = curve.estimates[0]
    with _whole_file(files.table) as file, TextIOWrapper(file, "utf-8", newline="") as text:
        write_table(curve.estimates, text)
    with _whole_file(files.picture) as file:
        draw(curve, sweep.setting, chosen, file)
    CONSOLE.print(_table(curve, sweep.setting, chosen))
    CONSOLE.print(
        f"±: {INTERVAL} ({len(sweep.seeds)}), for the mean; what the model assumes may be wrong by more",
        highlight=False,
        markup=False,
    )
    CONSOLE.print(f"table in {files.table}, picture in {files.picture}", highlight=False, markup=False)
    if ordered.target is not None and chosen is None:
        raise Refusal(unreachable(curve, ordered.target, sweep.setting))
    if ordered.target is not None and not ordered.target.sets_min and chosen is curve.estimates[-1]:
        CONSOLE.print(
            "this share is kept by every limit that was played; a higher --rare-max may keep it, too",
            highlight=False,
        )
    if chosen is not None:
        _hand_over(sweep.setting, chosen, files.plan, prints=ordered.target is not None)


async def _found(ordered: Ordered) -> tuple[Curve, Estimate | None]:
    sweep = ordered.sweep
    with _days_shown() as progress:
        task = progress.add_task("sweep", total=sweep.days)
        async with crew_of(ordered.processes, lambda: progress.advance(task)) as crew:
            curve = await swept(crew, sweep)
            if ordered.target is None:
                return curve, None
            progress.reset(task, description="target", total=None)
            return curve, await solved(crew, sweep, curve, ordered.target)


def _days_shown() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days played"),
        TimeRemainingColumn(),
        console=COMPLAINTS,
        transient=True,
        disable=not COMPLAINTS.is_terminal,
    )


def _hand_over(setting: Setting, chosen: Estimate, path: Path | None, *, prints: bool) -> None:
    text = plan_json(setting, chosen)
    if path is not None:
        with _whole_file(path) as file:
            file.write(text.encode())
    CONSOLE.print(
        f"{chosen.rare_limit:,} rare cards: {_counts(chosen.sets)} people complete, each gets"
        f" {_yuan(chosen.share_fen)} yuan"
        + (f"; plan in {path}, for a game of {setting.days} days" if path is not None else ""),
        style="bold",
        highlight=False,
        markup=False,
    )
    if path is None and prints:
        CONSOLE.print(text, end="", highlight=False, markup=False, soft_wrap=True)


def unreachable(curve: Curve, target: Target, setting: Setting) -> str:
    """Why no limit of the sweep meets a target, and what to try."""
    first, last = curve.estimates[0], curve.estimates[-1]
    if target.sets_min and last.sets.low < target.sets_min:
        return (
            f"{target.sets_min:,} people cannot be reached: even {last.rare_limit:,} rare cards make only"
            f" {last.sets.low:,} sets for sure; try a higher --rare-max, or more cards from the sources"
        )
    if target.sets_min:
        return (
            f"both cannot be reached: what lets {target.sets_min:,} people complete leaves each less than"
            f" {yuan(setting.pool_fen // (target.sets_max or 1))} yuan"
        )
    return (
        f"the share cannot be reached: even with {first.rare_limit:,} rare cards each gets only"
        f" {yuan(first.share_fen.low)} yuan for sure; try a lower --rare-min"
    )


def _table(curve: Curve, setting: Setting, chosen: Estimate | None) -> Table:
    table = Table(
        title=f"{setting.people:,} people, pool {yuan(setting.pool_fen)} yuan, {setting.days} days;"
        f" {setting.sample:,} simulated",
        title_justify="left",
    )
    headers = ("rare cards", "sets", "share, yuan", "of active, %", "rare wasted", "rare left over")
    for header in headers:
        table.add_column(header, justify="right", overflow="fold")
    for one in curve.estimates:
        table.add_row(
            f"{one.rare_limit:,}",
            _counts(one.sets),
            _yuan(one.share_fen),
            _percent(one.completing_ppm),
            _counts(one.rare_unfinished),
            _counts(one.rare_left_over),
            style="bold" if one is chosen else "",
        )
    return table


def _counts(counts: Interval) -> str:
    return f"{counts.mean:,} ± {counts.high - counts.mean:,}"


def _yuan(amounts: Interval) -> str:
    return f"{yuan(amounts.mean)} ± {yuan(amounts.high - amounts.mean)}"


def _percent(parts: Interval) -> str:
    return f"{parts.mean / 10_000:.3f} ± {(parts.high - parts.mean) / 10_000:.3f}"


@contextmanager
def _whole_file(out: Path) -> Iterator[BinaryIO]:
    """Opens a file that takes its place when all of it is written."""
    aside = out.with_name(f"{out.name}.part")
    try:
        with aside.open("wb") as file:
            yield file
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)

"""What a benchmark found: figures with their targets, for people as a table and for programs as JSON."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.table import Table

from services.cli.console import CONSOLE, Refusal

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be. A missed target is shown; only one that is `required` fails the command."""

    at_least: float | None = None
    at_most: float | None = None
    is_required: bool = False
    """Set for what must hold on any machine: sums, nothing lost, nobody twice."""

    def is_met(self, value: Value) -> bool:
        """Whether the value, a number or a truth, is within the bounds."""
        number = float(value)
        return (self.at_least is None or number >= self.at_least) and (
            self.at_most is None or number <= self.at_most
        )

    def __str__(self) -> str:
        if self.at_least is not None and self.at_least == self.at_most:
            return f"exactly {shown(self.at_least)}"
        words = []
        if self.at_least is not None:
            words.append(f"at least {shown(self.at_least)}")
        if self.at_most is not None:
            words.append(f"at most {shown(self.at_most)}")
        return ", ".join(words)


ZERO = Target(at_most=0, at_least=0, is_required=True)
"""For what must not happen at all."""
HOLDS = Target(at_least=1, is_required=True)
"""For a truth that must hold."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that was found."""

    name: str
    """Its key in the JSON; the unit comes last: `won_s`."""
    value: Value
    meaning: str
    """Half a line for people."""
    target: Target | None = None

    @property
    def is_missed(self) -> bool:
        """Whether there is a target that the value does not reach."""
        return self.target is not None and not self.target.is_met(self.value)

    @property
    def wanted(self) -> str:
        """What it should be, in words; empty without a target."""
        if self.target is None:
            return ""
        return "yes" if isinstance(self.value, bool) and self.target == HOLDS else str(self.target)


@dataclass(slots=True)
class Report:
    """The figures of one run of a benchmark, in order."""

    bench: str
    """`claims` of `hongbao bench claims`."""
    options: Mapping[str, Value] = field(default_factory=dict)
    """What it was run with."""
    figures: list[Figure] = field(default_factory=list)

    def add(self, name: str, value: Value, meaning: str, target: Target | None = None) -> None:
        """Adds a figure. Raises ValueError when the name is taken."""
        if any(figure.name == name for figure in self.figures):
            raise ValueError(f"there is a figure {name} already")
        self.figures.append(Figure(name, value, meaning, target))

    @property
    def is_sound(self) -> bool:
        """Whether everything holds that is required."""
        return not any(
            figure.is_missed and figure.target is not None and figure.target.is_required
            for figure in self.figures
        )

    def finish(self, path: Path | None) -> bool:
        """Shows the figures and writes them to the file, if any; returns whether they are sound.

        Raises `Refusal` when the file cannot be written, after showing the figures.
        """
        CONSOLE.print(self.table())
        if path is not None:
            try:
                self.write(path)
            except OSError as failure:
                raise Refusal(f"the report could not be written to {path}: {failure.strerror}") from failure
            CONSOLE.print(f"report written to {path}", highlight=False)
        return self.is_sound

    def table(self) -> Table:
        """The figures for people."""
        table = Table(title=f"bench {self.bench}", title_justify="left")
        table.add_column("figure")
        table.add_column("value", justify="right")
        table.add_column("target")
        table.add_column("meaning", overflow="fold")
        for figure in self.figures:
            table.add_row(
                figure.name,
                shown(figure.value),
                f"{figure.wanted} (missed)" if figure.is_missed else figure.wanted,
                figure.meaning,
                style="bold red" if figure.is_missed else None,
            )
        return table

    def content(self) -> dict[str, object]:
        """The figures by name, beside what they were found with and on."""
        return {
            **{figure.name: figure.value for figure in self.figures},
            "bench": self.bench,
            "missed": [figure.name for figure in self.figures if figure.is_missed],
            "targets": {figure.name: figure.wanted for figure in self.figures if figure.target},
            "options": dict(self.options),
            "machine": machine(),
        }

    def write(self, path: Path) -> None:
        """Writes the report as JSON, whole or not at all. Raises `OSError`."""
        draft = path.with_name(f".{path.name}.draft")
        try:
            draft.write_text(json.dumps(self.content(), indent=2) + "\n")
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise


def shown(value: Value) -> str:
    """A value for people: numbers with separators, and no more digits than mean anything."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.3g}"  # noqa: PLR2004 - digits
        case _:
            return value


def machine() -> dict[str, object]:
    """What the figures were found on. Other load shows in `load_average_1m`."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "load_average_1m": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # Not Linux.
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _commit() -> str:
    """The commit of the checkout that this runs from; empty when it is none."""
    git = shutil.which("git")
    if git is None:
        return ""
    found = subprocess.run(  # noqa: S603 - nothing of it comes from outside
        [git, "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip()

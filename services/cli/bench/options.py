"""Options that benchmarks share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.gala import require_report_place


def _report_place(path: Path | None) -> Path | None:
    require_report_place(path)
    return path


ReportFile = Annotated[
    Path | None, typer.Option("--report", help="Write the figures here as JSON.", callback=_report_place)
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder", help="Where the data of the run is kept while it runs. Default: the temporary folder."
    ),
]

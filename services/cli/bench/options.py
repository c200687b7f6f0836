"""Options that benchmarks share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.places import require_place
from services.mesh.shards.hashing import SHARD_COUNT_MAX


def _report_place(path: Path | None) -> Path | None:
    require_place(path, "--report")
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


def _power_of_two(count: int) -> int:
    if count & (count - 1):
        raise typer.BadParameter("shards must be a power of two")
    return count


ShardCount = Annotated[
    int,
    typer.Option(
        "--shards",
        min=1,
        max=SHARD_COUNT_MAX,
        help="Shards, a power of two; one process has all.",
        callback=_power_of_two,
    ),
]
BatchClaims = Annotated[int, typer.Option("--batch", min=1, max=4096, help="Claims in a batch.")]
Streams = Annotated[
    int, typer.Option("--streams", min=1, max=64, help="Claim streams, as of so many gateways.")
]
Window = Annotated[int, typer.Option("--window", min=1, max=64, help="Batches in flight on a stream.")]

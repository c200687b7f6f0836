"""`hongbao bench settle`, at a size at which nothing is fast and everything must be right."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app

REQUIRED = (
    "transfers_per_s",
    "naive_per_s",
    "ratio",
    "sqlite_transfers_per_s",
    "payout_s",
    "bytes_per_transfer",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: PostgreSQL runs as another user, and pytest shuts others out whenever it starts."""
    with tempfile.TemporaryDirectory(prefix="hongbao-bench-") as name:
        yield Path(name)


@pytest.mark.timeout(300)
def test_the_bench_of_settling_says_all_that_it_should_and_ends_with_no_difference(folder: Path) -> None:
    report = folder / "settle.json"
    words = f"bench settle --transfers 2000 --growth 0 --completers 41 --peer-s 1 --report {report}"
    result = CliRunner().invoke(app, [*words.split(), "--folder", str(folder)])
    assert result.exit_code == 0, result.output
    found = json.loads(report.read_text())
    assert all(found[name] > 0 for name in REQUIRED)
    assert found["durable"] is True
    assert [found[f"{run}_difference_fen"] for run in ("postgres", "sqlite", "single")] == [0] * 3
    assert [path.name for path in folder.iterdir()] == [report.name]

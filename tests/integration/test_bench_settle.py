"""`hongbao bench settle`, at a size at which nothing is fast and everything must be right."""

from __future__ import annotations

import json
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


@pytest.mark.timeout(300)
def test_the_bench_of_settling_says_all_that_it_should_and_ends_with_no_difference(tmp_path: Path) -> None:
    report = tmp_path / "settle.json"
    words = f"bench settle --transfers 2000 --growth 0 --completers 41 --peer-s 1 --report {report}"
    result = CliRunner().invoke(app, [*words.split(), "--folder", str(tmp_path)])
    assert result.exit_code == 0, result.output
    found = json.loads(report.read_text())
    assert all(found[name] > 0 for name in REQUIRED)
    assert found["durable"] is True
    assert [found[f"{run}_difference_fen"] for run in ("postgres", "sqlite", "single")] == [0] * 3
    assert [path.name for path in tmp_path.iterdir()] == [report.name]

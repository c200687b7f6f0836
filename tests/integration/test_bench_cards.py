"""`hongbao bench cards`, at a size at which nothing is fast and everything must be right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app

POSITIVE = (
    "dealt_per_s",
    "dealt_with_own_keys_per_s",
    "gifts_per_s",
    "closing_s",
    "recover_s",
)
NOTHING = (
    "limit_exceeded",
    "difference_fen",
    "gifts_misplaced",
    *("main_lost", "main_twice", "crash_lost", "crash_twice", "unexplained"),
)


@pytest.mark.timeout(300)
def test_the_bench_of_cards_says_all_that_it_should_and_finds_nothing_wrong(tmp_path: Path) -> None:
    has_peer = shutil.which("redis-benchmark") is not None
    report = tmp_path / "cards.json"
    words = (
        f"bench cards --sets 400 --gifts 80 --own-keys 400 --kills 1 --shards 2 --batch 100 --report {report}"
    )
    peer = f"--redis-deals 2000 --redis-runs {int(has_peer)} --folder {tmp_path}"
    result = CliRunner().invoke(app, [*words.split(), *peer.split()])
    assert result.exit_code == 0, result.output
    found = json.loads(report.read_text())
    assert all(found[name] > 0 for name in POSITIVE)
    assert [found[name] for name in NOTHING] == [0] * len(NOTHING)
    assert found["sets"] == 400
    assert found["durable"] is True
    assert "bytes_per_holder" in found  # Of so few, it may be anything.
    assert not has_peer or (found["redis_durable"] and found["ratio"] > 0)
    assert [path.name for path in tmp_path.iterdir()] == [report.name]

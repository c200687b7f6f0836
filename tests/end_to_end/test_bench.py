"""Benchmarks as they are run: what they prove, and that they leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.command import COMMAND_TIMEOUT_S, hongbao, start


async def test_a_small_round_is_won_killed_and_recovered_without_a_fen_missing(tmp_path: Path) -> None:
    outcome = await hongbao(
        *("bench", "round", "--packets", "20000", "--shards", "4", "--batch", "500"),
        *("--folder", str(tmp_path), "--report", str(tmp_path / "round.json")),
    )
    assert outcome.exit_code == 0, outcome.output + outcome.complaints
    found = json.loads((tmp_path / "round.json").read_text())
    assert found["packets"] == 20_000
    assert found["difference_fen"] == 0
    assert found["lost_acknowledged"] == 0
    assert found["journals_without_full_sync"] == 0
    assert {"wins_per_s", "won_s", "recover_s", "bytes_per_winner"} <= found.keys()
    assert names_in(tmp_path) == ["round.json"]


@pytest.mark.skipif(shutil.which("redis-benchmark") is None, reason="the peer is not installed")
async def test_claims_are_measured_beside_redis(tmp_path: Path) -> None:
    outcome = await hongbao(
        *("bench", "claims", "--packets", "20000", "--redis-claims", "10000", "--redis-runs", "1"),
        *("--shards", "2", "--batch", "500", "--again", "10", "--refused", "10"),
        *("--folder", str(tmp_path), "--report", str(tmp_path / "claims.json")),
    )
    assert outcome.exit_code == 0, outcome.output + outcome.complaints
    found = json.loads((tmp_path / "claims.json").read_text())
    assert found["durable"]
    assert found["redis_durable"]
    assert found["repeats"] > 0
    assert found["refusals"] > 0
    assert found["ratio"] == pytest.approx(found["wins_per_s"] / found["redis_claims_per_s"], abs=0.01)
    assert names_in(tmp_path) == ["claims.json"]


async def test_a_bench_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    bench = await start(["bench", "round", "--packets", "3000000", "--folder", str(tmp_path)], None)
    assert bench.stdout is not None
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            while b"sending" not in (line := await bench.stdout.readline()):
                assert line, "the bench ended before it sent anything"
        children = psutil.Process(bench.pid).children(recursive=True)
        assert children
        bench.send_signal(signal.SIGINT)
        await asyncio.wait_for(bench.communicate(), COMMAND_TIMEOUT_S)
    finally:
        if bench.returncode is None:
            bench.kill()
    assert bench.returncode == 130
    assert not [child for child in children if child.is_running()]
    assert names_in(tmp_path) == []


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())

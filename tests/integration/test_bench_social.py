"""`hongbao bench social`, at a size at which nothing is fast and every answer must be right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.bench.social_graph import draw_graph, draw_questions

POSITIVE = ("list_p99_ms", "mutual_p99_ms", "checks_per_s", "bytes_per_pair")


@pytest.mark.timeout(120)
def test_the_bench_of_social_says_all_that_it_should_and_finds_nothing_wrong(tmp_path: Path) -> None:
    has_peer = shutil.which("redis-benchmark") is not None
    report = tmp_path / "social.json"
    words = f"bench social --pairs 2000 --asked 100 --batches 10 --batch 70 --report {report}"
    peer = f"--redis {int(has_peer)} --postgres-pairs 0 --folder {tmp_path}"
    result = CliRunner().invoke(app, [*words.split(), *peer.split()])
    assert result.exit_code == 0, result.output
    found = json.loads(report.read_text())
    assert all(found[name] > 0 for name in POSITIVE)
    assert found["wrong"] == 0
    assert not has_peer or (found["redis_durable"] and found["redis_wrong"] == 0)
    assert [path.name for path in tmp_path.iterdir()] == [report.name]


def test_the_graph_has_as_many_pairs_as_asked_for_and_few_people_with_very_many_friends() -> None:
    graph = draw_graph(20_000, 5)
    counts = graph.friend_counts()
    assert len(graph.lows) == 20_000
    assert bool(np.all(graph.lows < graph.highs))
    assert len(np.unique(graph.keys)) == 20_000
    assert counts.sum() == 40_000
    assert counts.max() > 4 * np.median(counts)


def test_half_of_the_pairs_asked_for_are_friends_and_the_others_are_known_to_be_none() -> None:
    graph = draw_graph(1_000, 5)
    questions = draw_questions(graph, 10, 2, 100, 6)
    known = set(zip(graph.lows.tolist(), graph.highs.tolist(), strict=True))
    for ones, others, due in questions.batches:
        pairs = zip(ones.tolist(), others.tolist(), strict=True)
        assert [(min(pair), max(pair)) in known for pair in pairs] == due.tolist()
        assert due.sum() >= 50

"""Logs, the metrics' exposition and the trace file."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.mesh.interceptors.metrics import method_metrics
from services.mesh.logs import get_logger, start_logging
from services.mesh.metrics import start_metrics
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import new_span, start_telemetry, traceparent


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield tmp_path / "logs" / "echo.jsonl"
    for handler in root.handlers:
        if isinstance(handler, logging.StreamHandler) and handler not in before:
            handler.stream.close()
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_log_line_says_who_where_and_in_which_trace(log_file: Path, tmp_path: Path) -> None:
    settings = MeshSettings(
        log_file=str(log_file), instance="echo-1", trace_file=str(tmp_path / "spans.jsonl")
    )
    start_logging(settings, "echo")
    telemetry = start_telemetry(settings, "echo")

    with new_span("work"):
        _, trace_id, span_id, _ = traceparent().split("-")
        get_logger("echo.work").info("answered", taps=3)
    get_logger("echo.work").info("idle")
    telemetry.shutdown()

    inside, outside = lines(log_file)
    assert inside["event"] == "answered"
    assert inside["level"] == "info"
    assert (inside["service"], inside["instance"], inside["name"]) == ("echo", "echo-1", "echo.work")
    assert (inside["trace_id"], inside["span_id"], inside["taps"]) == (trace_id, span_id, 3)
    assert "trace_id" not in outside


def test_lines_below_the_level_are_left_out(log_file: Path) -> None:
    start_logging(MeshSettings(log_file=str(log_file), log_level="warning"), "echo")

    get_logger("echo").info("not this")
    get_logger("echo").warning("this")

    assert [line["event"] for line in lines(log_file)] == ["this"]


def test_what_libraries_log_has_the_same_form(log_file: Path) -> None:
    start_logging(MeshSettings(log_file=str(log_file)), "echo")

    logging.getLogger("some.library").warning("odd: %s", "value")

    (line,) = lines(log_file)
    assert (line["event"], line["level"], line["service"]) == ("odd: value", "warning", "echo")


def test_metrics_are_exposed_only_when_a_port_is_set() -> None:
    assert start_metrics(MeshSettings()) is None


def test_the_exposition_shows_how_calls_ended_and_how_long_they_took() -> None:
    counts = method_metrics("exposed", "hongbao.echo.v1.EchoService/Say")
    counts.in_flight += 2
    counts.ended("OK", 0.0007)
    exposition = start_metrics(MeshSettings(metrics_port=0))
    assert exposition is not None

    with urllib.request.urlopen(f"http://127.0.0.1:{exposition.port}/metrics", timeout=5) as answer:
        shown = answer.read().decode()
    exposition.close()

    labels = 'method="hongbao.echo.v1.EchoService/Say",service="exposed"'
    found = {line for line in shown.splitlines() if "exposed" in line}
    assert any(line.startswith("hongbao_rpcs_handled_total{") and line.endswith(" 1.0") for line in found)
    assert any('le="0.0005"' in line and line.endswith(" 0.0") for line in found)
    assert any('le="0.001"' in line and line.endswith(" 1.0") for line in found)
    assert f"hongbao_rpcs_in_flight{{{labels}}} 1.0" in found


def test_spans_reach_the_file_without_being_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    telemetry = start_telemetry(MeshSettings(trace_file=str(path)), "echo")
    with new_span("work", links=["nonsense"]) as span:
        assert span is not None
        span.span.set_attribute("shard", 3)

    telemetry.shutdown()

    (line,) = lines(path)
    assert (line["name"], line["service"], line["parent_span_id"], line["status"]) == (
        "work",
        "echo",
        "",
        "OK",
    )
    assert (line["attributes"], line["links"]) == ({"shard": 3}, [])


def test_without_a_place_to_send_spans_nothing_is_recorded() -> None:
    telemetry = start_telemetry(MeshSettings(trace_sample_ratio=1.0), "echo")

    assert not telemetry.sampled_here()
    telemetry.shutdown()

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from services.cli.gala.trace import Hop, Span, hops_of, new_traceparent, read_trace
from services.mesh.telemetry import is_sampled

TRACE = "0af7651916cd43dd8448eb211c80319c"


def span(name: str, kind: str, service: str, parent: str = "", start_ms: int = 0, took_ms: int = 1) -> Span:
    return Span(
        trace_id=TRACE,
        span_id=f"{service}-{name}-{kind}",
        parent_span_id=parent,
        name=name,
        kind=kind,
        service=service,
        start_ns=start_ms * 1_000_000,
        end_ns=(start_ms + took_ms) * 1_000_000,
    )


TAP = [
    span("Tap", "SERVER", "gateway", parent="the app's own span", start_ms=0, took_ms=9),
    span("ClaimBatch", "CLIENT", "gateway", parent="gateway-Tap-SERVER", start_ms=2, took_ms=6),
    span("ClaimBatch", "SERVER", "allocation", parent="gateway-ClaimBatch-CLIENT", start_ms=3, took_ms=4),
    span("allocation/0", "CONSUMER", "settlement", parent="allocation-ClaimBatch-SERVER", start_ms=20),
]


def test_a_trace_is_reduced_to_who_called_whom() -> None:
    assert hops_of(TAP) == [
        Hop("player", "gateway", "Tap", 9.0, 0),
        Hop("gateway", "allocation", "ClaimBatch", 4.0, 1),
        Hop("allocation", "settlement", "allocation/0", 1.0, 2),
    ]


def test_spans_of_a_trace_are_found_across_the_files_of_all_processes(tmp_path: Path) -> None:
    for number, one in enumerate(TAP):
        line = json.dumps(asdict(one) | {"attributes": {}, "links": []})
        foreign = line.replace(TRACE, "f" * 32)
        (tmp_path / f"process-{number}.jsonl").write_text(f"{foreign}\n{line}\n")
    found = read_trace(tmp_path, TRACE)
    assert found.hops == hops_of(TAP)
    assert found.services == {"gateway", "allocation", "settlement"}


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path: Path) -> None:
    (tmp_path / "gateway.jsonl").write_text(json.dumps(asdict(TAP[0]))[:-1])
    assert read_trace(tmp_path, TRACE).hops == []


def test_a_new_traceparent_asks_for_sampling() -> None:
    header, trace_id = new_traceparent()
    assert is_sampled(header)
    assert trace_id in header

"""One sampled tap, followed through the span files of all processes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_NS_PER_MS = 1_000_000
_ARRIVING_KINDS = ("SERVER", "CONSUMER")


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span, as a process wrote it."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    service: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Hop:
    """One arrival of the trace in a service."""

    caller: str
    callee: str
    method: str
    duration_ms: float
    depth: int
    """How many hops lie between the player and the caller."""


@dataclass(frozen=True, slots=True)
class SampledTrace:
    """The hops of one trace, in the order they began."""

    trace_id: str
    hops: Sequence[Hop]

    @property
    def services(self) -> set[str]:
        """Every service that the trace reached."""
        return {hop.callee for hop in self.hops}


def new_traceparent() -> tuple[str, str]:
    """A W3C traceparent that asks for sampling, and its trace id."""
    trace_id = secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01", trace_id


def read_trace(folder: Path, trace_id: str) -> SampledTrace:
    """Collects a trace from the span files in a folder; it may still lack hops that were not written yet."""
    return SampledTrace(trace_id, hops_of(list(_spans(folder, trace_id))))


def hops_of(spans: Sequence[Span]) -> list[Hop]:
    """Reduces spans to arrivals: who called whom, for what, and how long it took there."""
    by_id = {span.span_id: span for span in spans}
    arrivals = sorted(
        (span for span in spans if span.kind in _ARRIVING_KINDS), key=lambda span: span.start_ns
    )
    return [
        Hop(
            caller=_caller(span, by_id),
            callee=span.service,
            method=span.name,
            duration_ms=round((span.end_ns - span.start_ns) / _NS_PER_MS, 3),
            depth=sum(1 for ancestor in _ancestors(span, by_id) if ancestor.kind in _ARRIVING_KINDS),
        )
        for span in arrivals
    ]


def _caller(span: Span, by_id: dict[str, Span]) -> str:
    # The parent is the caller's client span, or for a feed the span under which the record was written.
    parent = by_id.get(span.parent_span_id)
    return parent.service if parent is not None else "player"


def _ancestors(span: Span, by_id: dict[str, Span]) -> Iterator[Span]:
    seen = {span.span_id}
    while (parent := by_id.get(span.parent_span_id)) is not None and parent.span_id not in seen:
        seen.add(parent.span_id)
        yield parent
        span = parent


def _spans(folder: Path, trace_id: str) -> Iterable[Span]:
    for file in sorted(folder.glob("*.jsonl")):
        with file.open() as lines:
            for line in lines:
                # The last line of a file may still be being written.
                if trace_id in line and line.endswith("\n"):
                    content = json.loads(line)
                    if content["trace_id"] == trace_id:
                        yield Span(**{name: content[name] for name in Span.__slots__})

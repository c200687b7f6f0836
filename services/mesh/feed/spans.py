"""Spans of a feed's consumer: every sampled record continues its own trace on this side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.mesh.feed.port import FeedRecord

SAMPLED_RECORDS_MAX = 64
"""Sampled records of one batch that get spans; a batch where all are sampled would only slow itself down."""

_tracer = trace.get_tracer(__name__)
_propagator = TraceContextTextMapPropagator()


@contextmanager
def spans_of(source: str, records: Sequence[FeedRecord]) -> Iterator[None]:
    """Traces the application of a batch, if any of its records was sampled; otherwise costs next to nothing.

    The batch gets a span of its own, current inside. Each sampled record gets a CONSUMER span as a child in
    the record's own trace, linked to the batch's.
    """
    sampled = [record for record in records if record.trace_context][:SAMPLED_RECORDS_MAX]
    if not sampled:
        yield
        return
    service = source.partition("/")[0]
    with ExitStack() as spans:
        batch = spans.enter_context(
            _tracer.start_as_current_span(
                f"{service} feed batch",
                kind=SpanKind.CONSUMER,
                attributes={"feed.source": source, "feed.records": len(records)},
            )
        )
        for record in sampled:
            parent = _propagator.extract({"traceparent": record.trace_context})
            spans.enter_context(
                _tracer.start_as_current_span(
                    f"{service} feed record",
                    parent,
                    kind=SpanKind.CONSUMER,
                    links=[Link(batch.get_span_context())],
                    attributes={"feed.source": source, "feed.seq": record.seq},
                )
            )
        yield

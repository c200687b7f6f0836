"""Spans of a feed's consumer: every sampled record continues its own trace on this side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from opentelemetry.trace import SpanKind

from services.mesh.feed.port import FeedRecord
from services.mesh.telemetry import new_span, span_from

SAMPLED_RECORDS_MAX = 64
"""Sampled records of one batch that get spans; a batch where all are sampled would only slow itself down."""


@contextmanager
def spans_of(source: str, records: Sequence[FeedRecord]) -> Iterator[None]:
    """Traces the application of a batch, if any of its records was sampled; otherwise costs next to nothing.

    The batch gets a span, and each sampled record a CONSUMER span as a child in the record's own trace,
    linked to the batch's. Inside, the first sampled record's span is current: what the sink does goes on in
    that trace.
    """
    sampled = [record.trace_context for record in records if record.trace_context][:SAMPLED_RECORDS_MAX]
    if not sampled:
        yield
        return
    service = source.partition("/")[0]
    with ExitStack() as spans:
        batch = spans.enter_context(new_span(f"{service} feed batch", kind=SpanKind.CONSUMER))
        links = [batch.traceparent] if batch is not None else []
        for parent in reversed(sampled):
            spans.enter_context(
                span_from(parent, f"{service} feed record", links=links, kind=SpanKind.CONSUMER)
            )
        yield

"""Tracing: W3C contexts by hand where every request passes, OpenTelemetry spans for the few that are sampled.

The decision is made once, where a request enters the mesh, and everybody below follows it. An unsampled
request costs a look at one header and one context variable; it never gets a span object.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from services.mesh.settings import MeshSettings
from services.mesh.trace_file import JsonLinesExporter

UNSAMPLED = "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-00"
"""What unsampled requests carry: callees must not decide again. Its ids mean nothing."""
FLUSH_EVERY_MS = 500
"""Longest time that a finished span waits before it is written, milliseconds."""

_TRACEPARENT_LENGTH = 55


class ActiveSpan:
    """A sampled span that is going on."""

    __slots__ = ("span", "telemetry", "traceparent")

    def __init__(self, span: Span, telemetry: Telemetry) -> None:
        self.span = span
        self.telemetry = telemetry
        context = span.get_span_context()
        assert context is not None, "a sampled span has a context"  # noqa: S101 - states an invariant
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    def end(self, error: str | None = None) -> None:
        """Finishes the span; `error` is a reason, never a value of a request."""
        if error is None:
            self.span.set_status(StatusCode.OK)
        else:
            self.span.set_status(StatusCode.ERROR, error)
        self.span.end()


# The span that the current task works under; UNSAMPLED once it was decided against; None when nobody decided.
_current: ContextVar[ActiveSpan | str | None] = ContextVar("current_span", default=None)
# Who records spans begun outside a request. Services that share a process start in tasks of their own.
_started: ContextVar[Telemetry | None] = ContextVar("telemetry", default=None)


class Telemetry:
    """Records the spans of one service in one process. Made by `start_telemetry`."""

    def __init__(self, settings: MeshSettings, service: str, exporters: Sequence[SpanExporter]) -> None:
        self.service = service
        self.sample_ratio = settings.trace_sample_ratio if exporters else 0.0
        resource = Resource({"service.name": service, "service.instance.id": settings.instance})
        # The decision is ours; a span is only made once it is positive.
        self._provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
        for exporter in exporters:
            self._provider.add_span_processor(
                BatchSpanProcessor(
                    exporter,
                    max_queue_size=settings.trace_queue_spans_max,
                    schedule_delay_millis=FLUSH_EVERY_MS,
                )
            )
        self._tracer = self._provider.get_tracer("hongbao.mesh")

    def start_span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: str = "",
        links: Sequence[str] = (),
        attributes: Mapping[str, str | int | float | bool] | None = None,
    ) -> ActiveSpan:
        """Begins a span, under the given traceparent or as a root. It must be ended."""
        context = Context()
        origin = _span_context(parent)
        if origin is not None:
            context = set_span_in_context(NonRecordingSpan(origin), context)
        linked = [Link(target) for target in map(_span_context, links) if target is not None]
        span = self._tracer.start_span(name, context, kind=kind, links=linked, attributes=attributes)
        assert isinstance(span, Span), "every span that is begun is recorded"  # noqa: S101 - states an invariant
        return ActiveSpan(span, self)

    def sampled_here(self) -> bool:
        """Decides for a request that enters the mesh here."""
        ratio = self.sample_ratio
        return ratio > 0.0 and random.random() < ratio  # noqa: S311 - not a secret, and it must be cheap

    def flush(self) -> None:
        """Writes out the spans that have ended; returns when they are out."""
        self._provider.force_flush()

    def shutdown(self) -> None:
        """Writes out what is left and stops. Idempotent."""
        with contextlib.suppress(RuntimeError):
            self._provider.shutdown()


def start_telemetry(settings: MeshSettings, service: str) -> Telemetry:
    """Starts recording for this service, here and in tasks begun from here on.

    Spans go to `trace_file` as JSON lines and to `otlp_endpoint` by OTLP, to either only when it is set.
    """
    telemetry = Telemetry(settings, service, _exporters(settings))
    _started.set(telemetry)
    return telemetry


def traceparent() -> str:
    """The W3C traceparent of the current sampled span; empty when this request is not sampled."""
    current = _current.get()
    return current.traceparent if isinstance(current, ActiveSpan) else ""


def current_span() -> ActiveSpan | None:
    """The sampled span that the current task works under, to add attributes to."""
    current = _current.get()
    return current if isinstance(current, ActiveSpan) else None


def span_from(
    parent: str, name: str, *, links: Sequence[str] = (), kind: SpanKind = SpanKind.INTERNAL
) -> AbstractContextManager[ActiveSpan | None]:
    """Works under a new span below the given traceparent. With an empty one it does nothing, cheaply.

    `links` are traceparents of spans that this one has to do with but does not come from.
    """
    telemetry = _recorder()
    if not parent or telemetry is None:
        return nullcontext()
    return _working_under(telemetry, name, parent, links, kind)


def new_span(
    name: str, *, links: Sequence[str] = (), kind: SpanKind = SpanKind.INTERNAL
) -> AbstractContextManager[ActiveSpan | None]:
    """Works under a new span: below the current one, or as the root of a trace that is always recorded."""
    telemetry = _recorder()
    if telemetry is None:
        return nullcontext()
    return _working_under(telemetry, name, traceparent(), links, kind)


def enter_request(telemetry: Telemetry, header: str, name: str, kind: SpanKind) -> ActiveSpan | None:
    """Begins the work on an incoming request: follows its caller's decision, or decides when there was none.

    For the server only: the current context must be the request's own.
    """
    if is_sampled(header) if header else telemetry.sampled_here():
        active = telemetry.start_span(name, kind=kind, parent=header)
        _current.set(active)
        return active
    if _current.get() is not UNSAMPLED:
        _current.set(UNSAMPLED)
    return None


def begin_unsampled() -> None:
    """Makes tasks begun from here on unsampled until they decide otherwise; it saves each of them a step."""
    _current.set(UNSAMPLED)


def outgoing_span(name: str) -> tuple[ActiveSpan | None, str]:
    """Begins a call: its client span when sampled, and the header to send (empty: let the callee decide)."""
    current = _current.get()
    if current is UNSAMPLED:
        return None, UNSAMPLED
    telemetry = current.telemetry if isinstance(current, ActiveSpan) else _started.get()
    if telemetry is None:
        return None, ""
    parent = current.traceparent if isinstance(current, ActiveSpan) else ""
    if not parent and not telemetry.sampled_here():
        return None, UNSAMPLED
    active = telemetry.start_span(name, kind=SpanKind.CLIENT, parent=parent)
    return active, active.traceparent


def forget_span() -> None:
    """Leaves the current request's trace, for work that outlives it."""
    _current.set(None)


def is_sampled(header: str) -> bool:
    """Whether a traceparent says that its trace is recorded."""
    return header[-1:] in {"1", "3"} and len(header) == _TRACEPARENT_LENGTH


@contextmanager
def _working_under(
    telemetry: Telemetry, name: str, parent: str, links: Sequence[str], kind: SpanKind
) -> Iterator[ActiveSpan | None]:
    active = telemetry.start_span(name, kind=kind, parent=parent, links=links)
    before = _current.set(active)
    error: str | None = None
    try:
        yield active
    except BaseException as failure:
        error = getattr(failure, "reason", type(failure).__name__)
        raise
    finally:
        _current.reset(before)
        active.end(error)


def _recorder() -> Telemetry | None:
    current = _current.get()
    return current.telemetry if isinstance(current, ActiveSpan) else _started.get()


def _span_context(header: str) -> SpanContext | None:
    if len(header) != _TRACEPARENT_LENGTH:
        return None
    try:
        trace_id, span_id, flags = int(header[3:35], 16), int(header[36:52], 16), int(header[53:], 16)
    except ValueError:
        return None
    if not trace_id or not span_id:
        return None
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def _exporters(settings: MeshSettings) -> list[SpanExporter]:
    exporters: list[SpanExporter] = []
    if settings.trace_file:
        exporters.append(JsonLinesExporter(settings.trace_file))
    if settings.otlp_endpoint:
        # Loaded only when wanted: it brings a second gRPC channel and half a second of imports.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415 - see above
            OTLPSpanExporter,
        )

        insecure = not settings.otlp_endpoint.startswith("https://")
        exporters.append(OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=insecure))
    return exporters


# A forked child must not write the parent's spans twice.
os.register_at_fork(after_in_child=lambda: _started.set(None))

"""Server spans: one for each sampled call, under its caller's."""

from __future__ import annotations

from opentelemetry.trace import SpanKind

from services.mesh.telemetry import ActiveSpan, Telemetry, enter_request

TRACEPARENT_KEY = "traceparent"
"""Metadata key of the W3C trace context."""


def begin_server_span(telemetry: Telemetry, header: str, method: str) -> ActiveSpan | None:
    """Begins the span of an incoming call; None when its trace is not recorded."""
    active = enter_request(telemetry, header, method, SpanKind.SERVER)
    if active is not None:
        describe(active, method)
    return active


def describe(active: ActiveSpan, method: str) -> None:
    """Adds what OpenTelemetry's conventions for RPC ask for."""
    service, _, name = method.rpartition("/")
    active.span.set_attributes({"rpc.system": "grpc", "rpc.service": service, "rpc.method": name})

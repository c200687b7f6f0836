from __future__ import annotations

import asyncio
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from hongbao.gateway.v1 import gateway_pb2
from services.gateway.settings import GatewaySettings
from services.mesh.telemetry import Telemetry
from tests.integration.gateway_mesh import CAMPAIGN, CLAIM_BATCH, ROUND, GatewayMesh, people_of

ONE, TWO, THREE = people_of(0, 3)
TRACES = {ONE: "1" * 32, THREE: "3" * 32}


async def test_a_batch_is_traced_under_its_first_sampled_tap_and_linked_to_the_others() -> None:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(GatewaySettings(), "gateway", [exporter])
    telemetry.sample_ratio = 0.0
    async with GatewayMesh(telemetry) as mesh:
        taps = [asyncio.create_task(_tap(mesh, person)) for person in (TWO, ONE, THREE)]
        await mesh.settle()
        await mesh.clock.advance(0.002)
        await asyncio.gather(*taps)
        telemetry.flush()
        (batch,) = mesh.owners[0].batches
    telemetry.shutdown()
    spans = exporter.get_finished_spans()
    arrived = {_trace_id(span): span for span in spans if span.kind is SpanKind.SERVER}
    (sent,) = [span for span in spans if span.name == CLAIM_BATCH]
    assert set(arrived) == set(TRACES.values()), "the unsampled tap left no span"
    assert (sent.kind, _trace_id(sent)) == (SpanKind.CLIENT, TRACES[ONE])
    assert sent.parent is not None
    assert sent.parent.span_id == _span_id(arrived[TRACES[ONE]])
    assert [link.context.span_id for link in sent.links] == [_span_id(arrived[TRACES[THREE]])]
    assert batch.trace_context == f"00-{TRACES[ONE]}-{_span_id(sent):016x}-01"


async def test_a_batch_without_a_sampled_tap_is_not_traced() -> None:
    async with GatewayMesh() as mesh:
        tap = asyncio.create_task(_tap(mesh, TWO))
        await mesh.settle()
        await mesh.clock.advance(0.002)
        await tap
        assert [batch.trace_context for batch in mesh.owners[0].batches] == [""]


async def _tap(mesh: GatewayMesh, person_id: int) -> Any:
    metadata = [("authorization", f"Bearer {mesh.token(person_id)}")]
    if person_id in TRACES:
        metadata.append(("traceparent", f"00-{TRACES[person_id]}-00000000000000aa-01"))
    request = gateway_pb2.TapRequest(campaign_id=CAMPAIGN, round_id=ROUND, taps=1)
    return await mesh.player.Tap(request, metadata=metadata)


def _trace_id(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def _span_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)

"""Spans of real calls, over a port and over a local network alike."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from services.mesh.channel import ChannelFactory
from services.mesh.clock import SystemClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import UNSAMPLED, Telemetry, new_span, span_from, start_telemetry, traceparent
from tests.unit.mesh.echo import SERVICE, Echo, EchoRequest, EchoStub, echo_service
from tests.unit.mesh.echo_mesh import requests


class TracedMesh:
    """A caller, an outer echo that calls an inner one, and the spans that they write."""

    def __init__(self, folder: Path, transport: str) -> None:
        self.spans_file = folder / "spans.jsonl"
        self.network = LocalNetwork(SystemClock()) if transport == "local" else None
        self.outer, self.inner = Echo(), Echo()
        self.inner_stub: EchoStub
        self._telemetries: list[Telemetry] = []
        self._servers: list[MeshServer] = []
        self._channels: list[ChannelFactory] = []

    async def start(self, ratio: float) -> EchoStub:
        inner = await self._serve("inner", self.inner, ratio)
        self.inner_stub = EchoStub(self._channel("outer", inner))
        outer = await self._serve("outer", self.outer, ratio)
        return EchoStub(self._channel("caller", outer))

    async def stop(self) -> None:
        for channels in self._channels:
            await channels.close()
        for server in self._servers:
            await server.drain_and_stop()
        for telemetry in self._telemetries:
            telemetry.shutdown()

    def begin_telemetry(self, service: str, ratio: float) -> Telemetry:
        telemetry = start_telemetry(self._settings(service, ratio), service)
        self._telemetries.append(telemetry)
        return telemetry

    def spans(self) -> list[dict[str, Any]]:
        for telemetry in self._telemetries:
            telemetry.flush()
        return [json.loads(line) for line in self.spans_file.read_text().splitlines()]

    def _settings(self, service: str, ratio: float) -> MeshSettings:
        return MeshSettings(
            instance=f"{service}-1",
            trace_file=str(self.spans_file),
            trace_sample_ratio=ratio,
            drain_s=0.0,
            stop_grace_s=0.0,
        )

    async def _serve(self, service: str, echo: Echo, ratio: float) -> str:
        settings, telemetry = self._settings(service, ratio), self.begin_telemetry(service, ratio)
        server = MeshServer(
            settings,
            service,
            [echo_service(echo)],
            telemetry=telemetry,
            clock=SystemClock(),
            network=self.network,
            is_allowed=lambda _caller, _method: True,
        )
        self._servers.append(server)
        return await server.start()

    def _channel(self, caller: str, address: str) -> Any:
        channels = ChannelFactory(MeshSettings(), caller, network=self.network)
        self._channels.append(channels)
        return channels.channel(address)


@pytest.fixture(params=["port", "local"])
async def mesh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TracedMesh]:
    traced = TracedMesh(tmp_path, request.param)
    yield traced
    await traced.stop()


def chain_of(spans: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Service and kind from the root down; asserts that there is one chain of one trace."""
    by_parent = {span["parent_span_id"]: span for span in spans}
    assert len(by_parent) == len(spans)
    assert len({span["trace_id"] for span in spans}) == 1
    chain, parent = [], ""
    while (span := by_parent.get(parent)) is not None:
        chain.append((span["service"], span["kind"]))
        parent = span["span_id"]
    assert len(chain) == len(spans)
    return chain


async def test_a_sampled_request_is_one_trace_across_its_hops(mesh: TracedMesh) -> None:
    stub = await mesh.start(ratio=1.0)

    async def pass_on(*_: object) -> None:
        await mesh.inner_stub.say(EchoRequest(text="inner"))

    mesh.outer.on_say = pass_on

    await stub.say(EchoRequest(text="hi"))

    spans = mesh.spans()
    # The test's own calls are recorded by the service started last.
    assert chain_of(spans) == [
        ("outer", "CLIENT"),
        ("outer", "SERVER"),
        ("outer", "CLIENT"),
        ("inner", "SERVER"),
    ]
    assert {span["name"] for span in spans} == {f"{SERVICE}/Say"}
    assert {span["instance"] for span in spans} == {"outer-1", "inner-1"}
    for span in spans:
        assert span["attributes"]["rpc.system"] == "grpc"
        assert span["attributes"]["rpc.service"] == SERVICE
        assert span["attributes"]["rpc.method"] == "Say"
        assert span["start_ns"] < span["end_ns"]


async def test_streams_are_part_of_the_trace(mesh: TracedMesh) -> None:
    stub = await mesh.start(ratio=1.0)

    async def pass_on(*_: object) -> None:
        [response async for response in mesh.inner_stub.repeat(EchoRequest(text="inner", times=2))]

    mesh.outer.on_say = pass_on

    [response async for response in stub.chat(requests("hi"))]
    for _ in range(3):
        await asyncio.sleep(0)  # The span of a stream ends in a callback.

    assert [service for service, _ in chain_of(mesh.spans())] == ["outer", "outer", "outer", "inner"]


async def test_an_unsampled_request_leaves_nothing_and_nobody_decides_again(mesh: TracedMesh) -> None:
    stub = await mesh.start(ratio=1.0)
    seen: list[str] = []

    async def look(*_: object) -> None:
        seen.append(traceparent())

    async def pass_on(*_: object) -> None:
        await mesh.inner_stub.say(EchoRequest(text="inner"))

    mesh.outer.on_say, mesh.inner.on_say = pass_on, look

    await in_new_context(stub.say(EchoRequest(text="x"), metadata=[("traceparent", UNSAMPLED)]))

    assert seen == [""]
    assert mesh.spans() == []


async def test_without_a_decision_the_first_server_decides_by_its_ratio(mesh: TracedMesh) -> None:
    stub = await mesh.start(ratio=1.0)

    await in_new_context(stub.say(EchoRequest(text="x")))

    assert chain_of(mesh.spans()) == [("outer", "SERVER")]


async def test_a_ratio_of_zero_records_nothing(mesh: TracedMesh) -> None:
    stub = await mesh.start(ratio=0.0)

    await stub.say(EchoRequest(text="x"))

    assert mesh.spans() == []


async def test_a_failed_call_is_marked_with_its_reason_only(mesh: TracedMesh) -> None:
    class BoxFull(ServiceError):
        kind = ErrorKind.EXHAUSTED
        reason = "BOX_FULL"

    async def refuse(*_: object) -> None:
        raise BoxFull("the box of somebody is full")

    stub = await mesh.start(ratio=1.0)
    mesh.outer.on_say = refuse

    with pytest.raises(ServiceError):
        await stub.say(EchoRequest(text="x"))

    spans = mesh.spans()
    assert {span["status"] for span in spans} == {"ERROR"}
    assert "somebody" not in json.dumps(spans)


async def test_a_record_read_later_continues_its_trace_and_is_linked_to_its_batch(mesh: TracedMesh) -> None:
    mesh.begin_telemetry("reader", ratio=0.0)
    with new_span("decide") as decided:
        assert decided is not None
        kept = traceparent()

    with (
        new_span("batch", kind=SpanKind.CONSUMER) as batch,
        span_from(kept, "record", links=[batch.traceparent if batch else ""], kind=SpanKind.CONSUMER),
    ):
        assert traceparent().split("-")[1] == kept.split("-")[1]

    spans = {span["name"]: span for span in mesh.spans()}
    assert spans["record"]["parent_span_id"] == spans["decide"]["span_id"]
    assert spans["record"]["trace_id"] == spans["decide"]["trace_id"]
    assert spans["record"]["links"] == [
        {"trace_id": spans["batch"]["trace_id"], "span_id": spans["batch"]["span_id"]}
    ]
    assert spans["batch"]["trace_id"] != spans["decide"]["trace_id"]
    assert traceparent() == ""


async def test_an_unsampled_record_costs_no_span(mesh: TracedMesh) -> None:
    mesh.begin_telemetry("reader", ratio=1.0)

    with span_from("", "record") as span:
        assert span is None

    assert mesh.spans() == []


async def in_new_context(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs as a caller outside the mesh would, without telemetry of its own."""
    return await asyncio.create_task(coroutine, context=contextvars.Context())

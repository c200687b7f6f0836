"""No request, however strange, makes identity or social fail in a way that they have no word for."""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from services.mesh.errors import ServiceError
from tests.contract.bench import Bench
from tests.contract.contracts import Rpc, rpcs
from tests.contract.nonsense import Told, requests
from tests.contract.play import first_caller

CALLS = 40
PATIENCE_S = 0.02
"""Real seconds that a call gets before the clock is moved for it."""
CLOCK_STEP_S = 0.5
CLOCK_STEPS_MAX = 40
"""Moves of the clock after which a call has waited long enough: a stream that has nothing to say, say."""
NEVER = {"INTERNAL", "UNKNOWN", "UNIMPLEMENTED"}
PEOPLE = range(1, 6)
OPENING: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "identity": [
        (
            "IdentityService/Register",
            {
                "request_id": "3f1c9c1e-8a56-4a52-9d0b-5d2f6f0a9c01",
                "phone": "13800138000",
                "display_name": "小明",
            },
        ),
    ],
    "social": [
        ("SocialService/RequestFriend", {"asking_person_id": 1, "other_person_id": 2}),
        ("SocialService/AcceptFriend", {"person_id": 2, "asking_person_id": 1}),
        ("SocialService/RequestFriend", {"asking_person_id": 3, "other_person_id": 1}),
        ("SocialService/AcceptFriend", {"person_id": 1, "asking_person_id": 3}),
    ],
}
"""What has happened before: nonsense about nothing would not come far."""


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.parametrize("service", OPENING)
def test_no_request_makes_a_service_answer_that_it_does_not_know_why(
    service: str, runner: asyncio.Runner
) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory() as folder:
            runner.run(_talk(service, Path(folder), data))

    holds()


async def _talk(service: str, folder: Path, data: st.DataObject) -> None:
    provide = importlib.import_module(f"tests.contract.cases.{service}.provider").provide
    offered = [rpc for name, rpc in sorted(rpcs().items()) if name.startswith(f"hongbao.{service}.v1.")]
    told = Told(person_id=PEOPLE)
    async with Bench(folder) as bench, provide(bench) as provider:
        for method, values in OPENING[service]:
            rpc = rpcs()[f"hongbao.{service}.v1.{method}"]
            request = json_format.ParseDict(values, rpc.request())
            told.hear(request)
            answer = await _call(bench, provider.address, rpc, request)
            assert isinstance(answer, rpc.response), answer
            told.hear(answer)
        for _ in range(CALLS):
            rpc = data.draw(st.sampled_from(offered))
            request = data.draw(requests(rpc.request, told))
            note(f"{rpc.name} {request}")
            answer = await _call(bench, provider.address, rpc, request)
            if isinstance(answer, ServiceError):
                assert answer.kind.value not in NEVER, f"{rpc.name}: {answer!r}"
            elif not rpc.server_streams:
                # What streams say, and whether they do, depends on how fast this machine is.
                told.hear(request)
                told.hear(answer)


async def _call(bench: Bench, address: str, rpc: Rpc, request: Any) -> Any:
    """The (first) answer, the error, or None when none came in all that time."""
    channel = bench.channels(first_caller(rpc.name)).channel(address)
    task = asyncio.ensure_future(_first(channel, rpc, request))
    for _ in range(CLOCK_STEPS_MAX):
        done, _waiting = await asyncio.wait({task}, timeout=PATIENCE_S)
        if done:
            return task.result()
        await bench.clock.advance(CLOCK_STEP_S)
        if rpc.server_streams:
            break
    task.cancel()
    await asyncio.wait({task})
    assert rpc.server_streams, f"{rpc.name} gave no answer to {request}"
    return None


async def _first(channel: grpc.aio.Channel, rpc: Rpc, request: Any) -> Any:
    assert not rpc.client_streams, f"{rpc.name}: streams of nonsense have to be thought of"
    begin = getattr(channel, "unary_stream" if rpc.server_streams else "unary_unary")(
        f"/{rpc.name}",
        request_serializer=rpc.request.SerializeToString,
        response_deserializer=rpc.response.FromString,
    )
    try:
        if not rpc.server_streams:
            return await begin(request, timeout=60.0)
        stream = begin(request, timeout=60.0)
        answer = await stream.read()
    except ServiceError as error:
        return error
    return None if answer is grpc.aio.EOF else answer

"""What every server has beside its own services, and the limits of its port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.mesh.clock import SystemClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.server import MeshServer, StartFailed
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import Telemetry
from tests.unit.mesh.echo import SERVICE, EchoRequest, EchoStub
from tests.unit.mesh.echo_mesh import EchoMesh, echo_mesh

HealthStub: Any = health_pb2_grpc.HealthStub
ReflectionStub: Any = reflection_pb2_grpc.ServerReflectionStub
ChannelzStub: Any = channelz_pb2_grpc.ChannelzStub
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(params=["port", "local"])
async def mesh(request: pytest.FixtureRequest) -> AsyncIterator[EchoMesh]:
    async with echo_mesh(request.param, is_allowed=lambda _caller, _method: False) as started:
        yield started


async def status(mesh: EchoMesh, name: str) -> int | None:
    """The status that health gives for a name; None when it does not know it."""
    stub = HealthStub(mesh.channels.channel(mesh.address))
    try:
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    except ServiceError as failure:
        if failure.kind is ErrorKind.NOT_FOUND:
            return None
        raise
    return int(answer.status)


async def test_a_server_is_not_serving_until_it_says_so(mesh: EchoMesh) -> None:
    assert [await status(mesh, name) for name in ("", SERVICE)] == [NOT_SERVING, NOT_SERVING]

    await mesh.server.set_ready(True)

    assert [await status(mesh, name) for name in ("", SERVICE)] == [SERVING, SERVING]


async def test_a_shard_is_serving_only_while_it_is_owned(mesh: EchoMesh) -> None:
    await mesh.server.set_ready(True, shards=[1, 3])
    assert [await status(mesh, f"shard/{shard}") for shard in (1, 2, 3)] == [SERVING, None, SERVING]

    await mesh.server.set_ready(True, shards=[2, 3])
    assert [await status(mesh, f"shard/{shard}") for shard in (1, 2, 3)] == [NOT_SERVING, SERVING, SERVING]

    await mesh.server.set_ready(False)
    assert [await status(mesh, f"shard/{shard}") for shard in (1, 2, 3)] == [NOT_SERVING] * 3
    assert await status(mesh, "") == NOT_SERVING


async def test_a_watcher_who_does_not_listen_keeps_no_server_from_ending() -> None:
    async with echo_mesh("local") as mesh:
        stub = HealthStub(mesh.channels.channel(mesh.address))
        watching = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert (await watching.read()).status == NOT_SERVING

        async def change() -> None:
            for turn in range(100):
                await mesh.server.set_ready(turn % 2 == 0)
                await asyncio.sleep(0)

        # More than what fits between the two: the server waits for the watcher to take some.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(change(), 0.2)
        drained: list[bool] = []

        async def on_drain() -> None:
            drained.append(True)

        await asyncio.wait_for(mesh.server.drain_and_stop(on_drain), 5.0)
        assert drained == [True]
        assert watching.done()


async def test_reflection_lists_what_is_served(mesh: EchoMesh) -> None:
    async def ask() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    stub = ReflectionStub(mesh.channels.channel(mesh.address))

    (answer,) = [response async for response in stub.ServerReflectionInfo(ask())]

    assert {service.name for service in answer.list_services_response.service} == {
        SERVICE,
        "grpc.channelz.v1.Channelz",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_channelz_shows_the_servers_calls() -> None:
    async with echo_mesh("port") as mesh:
        channelz = ChannelzStub(mesh.channels.channel(mesh.address))
        await mesh.stub.say(EchoRequest(text="hi"))

        servers = (await channelz.GetServers(channelz_pb2.GetServersRequest())).server

    assert any(server.data.calls_succeeded >= 1 for server in servers)


async def test_a_message_over_the_limit_is_refused() -> None:
    async with echo_mesh("port", message_bytes_max=1024) as mesh:
        with pytest.raises(ServiceError) as failed:
            await mesh.stub.say(EchoRequest(text="x" * 2000))

    assert failed.value.kind is ErrorKind.EXHAUSTED


async def test_calls_over_the_limit_are_refused_at_once() -> None:
    async with echo_mesh("port", concurrent_rpcs_max=1) as mesh:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def wait(*_: object) -> None:
            begun.set()
            await go_on.wait()

        mesh.echo.on_say = wait
        first = asyncio.create_task(mesh.stub.say(EchoRequest(text="first")))
        await begun.wait()

        with pytest.raises(ServiceError) as refused:
            await mesh.stub.say(EchoRequest(text="second"))
        go_on.set()

        assert (await first).text == "first"
    assert (refused.value.kind, refused.value.reason) == (ErrorKind.EXHAUSTED, "OVERLOADED")


async def test_a_flood_that_comes_while_the_process_is_busy_is_answered_to_the_last_call() -> None:
    async with echo_mesh("port") as mesh:
        # Nothing is answered while this task has the loop, so that all calls wait in gRPC.
        with grpc.insecure_channel(mesh.address) as channel:  # type: ignore[no-untyped-call]  # stubs of grpc lack it
            say: Any = channel.unary_unary(f"/{SERVICE}/Say")
            calls = [say.future(b"", timeout=30) for _ in range(2_500)]
            codes = await asyncio.to_thread(lambda: {call.code() for call in calls})

    assert codes == {grpc.StatusCode.OK}


async def test_a_call_that_meets_unavailable_is_tried_again_a_bounded_number_of_times() -> None:
    class Restarting(ServiceError):
        kind = ErrorKind.UNAVAILABLE
        reason = "RESTARTING"

    async with echo_mesh("port", retry_attempts_max=4, backoff_ms_min=1) as mesh:
        attempts = 0

        async def refuse(*_: object) -> None:
            nonlocal attempts
            attempts += 1
            if attempts not in {3, 8}:
                raise Restarting("not yet")

        mesh.echo.on_say = refuse

        assert (await mesh.stub.say(EchoRequest(text="hi"))).text == "hi"
        assert attempts == 3
        with pytest.raises(ServiceError) as failed:
            await mesh.stub.say(EchoRequest(text="hi"))

    assert attempts == 3 + 4
    assert failed.value.reason == "RESTARTING"


@pytest.mark.parametrize(
    ("its_kind", "its_domain"),
    [(ErrorKind.PRECONDITION, "hongbao.mesh"), (ErrorKind.UNAVAILABLE, "hongbao.echo")],
    ids=["another code", "what the service itself waits for"],
)
async def test_other_errors_are_not_tried_again(its_kind: ErrorKind, its_domain: str) -> None:
    class Refused(ServiceError):
        kind = its_kind
        domain = its_domain

    async with echo_mesh("port") as mesh:
        attempts = 0

        async def refuse(*_: object) -> None:
            nonlocal attempts
            attempts += 1
            raise Refused("no")

        mesh.echo.on_say = refuse

        with pytest.raises(ServiceError):
            await mesh.stub.say(EchoRequest(text="hi"))

    assert attempts == 1


async def test_a_port_that_is_taken_is_not_shared() -> None:
    async with echo_mesh("port") as mesh:
        port = int(mesh.address.rpartition(":")[2])
        settings = MeshSettings(listen_port=port)
        telemetry = Telemetry(settings, "echo", ())
        second = MeshServer(settings, "echo", [], telemetry=telemetry, clock=SystemClock())

        with pytest.raises(StartFailed, match=f"cannot listen on 127.0.0.1:{port}: address already in use"):
            await second.start()

        assert (await mesh.stub.say(EchoRequest(text="hi"))).text == "hi"


async def test_channels_beyond_the_bound_make_room_for_new_ones() -> None:
    async with echo_mesh("port", channels_max=2) as mesh:
        first = mesh.channels.channel(mesh.address)
        for port in (1, 2):
            mesh.channels.channel(f"127.0.0.1:{port}")

        again = mesh.channels.channel(mesh.address)

        assert again is not first
        assert (await EchoStub(again).say(EchoRequest(text="hi"))).text == "hi"


async def test_a_caller_without_a_name_is_a_player() -> None:
    names: list[str] = []

    def note(caller: str, _method: str) -> bool:
        names.append(caller)
        return True

    async with (
        echo_mesh("port", is_allowed=note) as mesh,
        grpc.aio.insecure_channel(mesh.address) as stranger,
    ):
        await EchoStub(stranger).say(EchoRequest(text="hi"))

    assert names == ["player"]

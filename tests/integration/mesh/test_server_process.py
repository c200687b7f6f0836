"""A server as a process: signals, drain, and a port that is taken."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.mesh.channel import ChannelFactory
from services.mesh.settings import MeshSettings
from tests.unit.mesh.echo import EchoRequest, EchoStub

ROOT = Path(__file__).parents[3]
PATIENCE_S = 20.0
HealthStub: Any = health_pb2_grpc.HealthStub


class EchoProcess:
    def __init__(self, process: Process) -> None:
        self.process = process

    async def line(self) -> str:
        """The next line that the process says for itself; logs go to standard output."""
        stream = self.process.stderr
        assert stream is not None
        while True:
            line = (await asyncio.wait_for(stream.readline(), PATIENCE_S)).decode().strip()
            if not line.startswith(("I0", "I1", "E0", "E1", "W0", "W1")):  # gRPC's own log lines.
                return line

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


@asynccontextmanager
async def echo_process(**knobs: object) -> AsyncIterator[EchoProcess]:
    environment = {
        **os.environ,
        **{f"HONGBAO_{name.upper()}": str(value) for name, value in knobs.items()},
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.mesh.echo_process"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=PIPE,
        env=environment,
        cwd=ROOT,
    )
    try:
        yield EchoProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def channels() -> AsyncIterator[ChannelFactory]:
    factory = ChannelFactory(MeshSettings(), "tester")
    yield factory
    await factory.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_in_order(channels: ChannelFactory, number: signal.Signals) -> None:
    async with echo_process(drain_s=1.5, stop_grace_s=10) as echo:
        address = await echo.line()
        channel = channels.channel(address)
        stub, health = EchoStub(channel), HealthStub(channel)
        await until(lambda: is_serving(health))
        waiting = asyncio.create_task(stub.say(EchoRequest(text="wait"), timeout=PATIENCE_S))
        assert await echo.line() == "waiting"

        echo.send(number)

        assert await echo.line() == "draining"
        assert not await is_serving(health)
        assert (await stub.say(EchoRequest(text="still served"))).text == "still served"
        await stub.say(EchoRequest(text="go"))
        assert (await waiting).text == "wait"
        assert await echo.line() == "ended"
        assert await echo.exit_code() == 0


async def test_a_running_call_outlives_the_drain_within_its_grace(channels: ChannelFactory) -> None:
    async with echo_process(drain_s=0, stop_grace_s=0.2) as echo:
        stub = EchoStub(channels.channel(await echo.line()))
        waiting = asyncio.create_task(stub.say(EchoRequest(text="wait"), timeout=PATIENCE_S))
        assert await echo.line() == "waiting"

        echo.send(signal.SIGTERM)

        assert await echo.line() == "draining"
        with pytest.raises(Exception, match=r"CANCELLED|UNREACHABLE"):
            await waiting
        assert await echo.line() == "ended"
        assert await echo.exit_code() == 0


async def test_a_second_signal_ends_the_drain_at_once(channels: ChannelFactory) -> None:
    async with echo_process(drain_s=600) as echo:
        stub = EchoStub(channels.channel(await echo.line()))
        await stub.say(EchoRequest(text="are you there"), timeout=PATIENCE_S)
        echo.send(signal.SIGTERM)
        assert await echo.line() == "draining"

        echo.send(signal.SIGTERM)

        assert await echo.line() == "ended"
        assert await echo.exit_code() == 0


async def test_a_taken_port_gives_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        async with echo_process(listen_port=port) as echo:
            assert await echo.line() == f"cannot listen on 127.0.0.1:{port}: address already in use"
            assert await echo.line() == ""
            assert await echo.exit_code() == 1


async def test_a_bad_setting_gives_one_clear_line() -> None:
    async with echo_process(drain_s="soon") as echo:
        assert (await echo.line()).startswith("HONGBAO_DRAIN_S: ")
        assert await echo.line() == ""
        assert await echo.exit_code() == 2


async def is_serving(health: Any) -> bool:
    answer = await health.Check(health_pb2.HealthCheckRequest())
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            pass

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import Any

import pytest

from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.interceptors.deadline import (
    WIRE_SLACK,
    DeadlinePassed,
    Deadlines,
    DeadlineTooShort,
    remaining_s,
)
from services.mesh.settings import MeshSettings
from tests.unit.mesh.echo import EchoRequest
from tests.unit.mesh.echo_mesh import echo_mesh


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def deadlines(clock: ManualClock) -> Deadlines:
    settings = MeshSettings(deadline_default_ms=2000, deadline_min_ms=5, deadline_shave_ms=10)
    return Deadlines(settings, clock)


def test_outside_a_request_a_call_gets_what_it_wants_or_the_default(deadlines: Deadlines) -> None:
    assert copy_context().run(deadlines.outgoing_s, 30.0) == 30.0
    assert copy_context().run(deadlines.outgoing_s, None) == 2.0


async def test_inside_a_request_a_call_gets_less_than_is_left(
    deadlines: Deadlines, clock: ManualClock
) -> None:
    deadlines.admit(1.0)
    await clock.advance(0.4)

    assert remaining_s(clock) == pytest.approx(0.6)
    assert deadlines.outgoing_s(None) == pytest.approx(0.6 * (1 - WIRE_SLACK) - 0.010)
    assert deadlines.outgoing_s(0.1) == 0.1


async def test_a_call_that_could_not_be_answered_in_time_is_not_made(
    deadlines: Deadlines, clock: ManualClock
) -> None:
    deadlines.admit(1.0)
    await clock.advance(0.99)

    with pytest.raises(DeadlinePassed):
        deadlines.outgoing_s(None)


@pytest.mark.parametrize("remaining", [0.0049, 0.0, -1.0])
def test_a_request_with_too_little_time_is_refused(deadlines: Deadlines, remaining: float) -> None:
    with pytest.raises(DeadlineTooShort) as refused:
        copy_context().run(deadlines.admit, remaining)

    assert refused.value.metadata["required_ms"] == "5"


def test_a_request_with_just_enough_time_is_taken_up(deadlines: Deadlines, clock: ManualClock) -> None:
    context = copy_context()

    context.run(deadlines.admit, 0.005)

    assert context.run(remaining_s, clock) == 0.005


async def test_the_default_deadline_of_a_request_passes_by_the_manual_clock(
    deadlines: Deadlines, clock: ManualClock
) -> None:
    async def work() -> None:
        async with deadlines.enforced(2.0):
            await clock.sleep(10.0)

    working = asyncio.create_task(work())
    await clock.advance(0)
    await clock.advance(1.9)
    assert not working.done()
    await clock.advance(0.2)

    with pytest.raises(DeadlinePassed):
        await working


async def test_being_cancelled_is_not_mistaken_for_the_deadline(
    deadlines: Deadlines, clock: ManualClock
) -> None:
    async def work() -> None:
        async with deadlines.enforced(2.0):
            await clock.sleep(10.0)

    working = asyncio.create_task(work())
    await clock.advance(0)
    await clock.advance(1.0)
    working.cancel()

    with pytest.raises(asyncio.CancelledError):
        await working


async def test_a_timeout_on_a_local_network_passes_when_the_clock_is_moved(clock: ManualClock) -> None:
    async with echo_mesh(clock=clock) as mesh:

        async def dawdle(*_: object) -> None:
            await clock.sleep(3600.0)

        mesh.echo.on_say = dawdle
        calling = asyncio.create_task(mesh.stub.say(EchoRequest(text="hi"), timeout=60.0))
        await clock.advance(0)
        await clock.advance(59.9)
        assert not calling.done()
        await clock.advance(0.2)

        with pytest.raises(ServiceError) as failed:
            await calling

    assert failed.value.kind is ErrorKind.DEADLINE


async def test_a_server_cut_off_in_the_middle_of_a_call_is_unreachable(clock: ManualClock) -> None:
    async with echo_mesh(clock=clock) as mesh:
        network = mesh.network
        assert network is not None

        async def vanish(*_: Any) -> None:
            network.cut(mesh.address)
            await clock.sleep(1.0)

        mesh.echo.on_say = vanish

        with pytest.raises(ServiceError) as failed:
            await mesh.stub.say(EchoRequest(text="hi"))
        with pytest.raises(ServiceError) as refused:
            await mesh.stub.say(EchoRequest(text="hi"))

    assert (failed.value.kind, failed.value.reason) == (ErrorKind.UNAVAILABLE, "UNREACHABLE")
    assert refused.value.reason == "UNREACHABLE"


async def test_closing_gives_running_calls_their_grace(clock: ManualClock) -> None:
    async with echo_mesh(clock=clock, stop_grace_s=5.0) as mesh:

        async def take_a_while(*_: object) -> None:
            await clock.sleep(1.0)

        mesh.echo.on_say = take_a_while
        calling = asyncio.create_task(mesh.stub.say(EchoRequest(text="hi")))
        await clock.advance(0)
        await clock.advance(0.5)
        stopping = asyncio.create_task(mesh.server.drain_and_stop())
        await clock.advance(0)
        await clock.advance(0.6)

        assert (await calling).text == "hi"
        await stopping

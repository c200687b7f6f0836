"""What every call passes through, over a port and over a local network alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services.mesh.admission import Admission
from services.mesh.background import start_background
from services.mesh.channel import ChannelFactory
from services.mesh.clock import SystemClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.interceptors.arrival import metadata_of
from services.mesh.interceptors.deadline import remaining_s
from services.mesh.metrics import REGISTRY
from services.mesh.settings import MeshSettings
from tests.unit.mesh.echo import SERVICE, EchoRequest, EchoResponse, EchoStub
from tests.unit.mesh.echo_mesh import EchoMesh, echo_mesh, requests

PATIENCE_S = 5.0


class BoxFull(ServiceError):
    kind = ErrorKind.EXHAUSTED
    domain = "hongbao.echo"
    reason = "BOX_FULL"


@pytest.fixture(params=["port", "local"])
async def mesh(request: pytest.FixtureRequest) -> AsyncIterator[EchoMesh]:
    def is_allowed(caller: str, method: str) -> bool:
        return caller == "tester" and method.startswith(SERVICE)

    async with echo_mesh(request.param, is_allowed=is_allowed) as started:
        yield started


async def call(mesh: EchoMesh, arity: str, text: str, stub: EchoStub | None = None) -> list[str]:
    """Calls a method of the given arity so that its last request carries the text."""
    stub = stub or mesh.stub
    if arity == "say":
        return [(await stub.say(EchoRequest(text=text))).text]
    if arity == "repeat":
        return [response.text async for response in stub.repeat(EchoRequest(text=text, times=2))]
    if arity == "join":
        return [(await stub.join(requests("a", text))).text]
    return [response.text async for response in stub.chat(requests("a", text))]


ARITIES = pytest.mark.parametrize("arity", ["say", "repeat", "join", "chat"])


async def failure_of(mesh: EchoMesh, arity: str, text: str, stub: EchoStub | None = None) -> ServiceError:
    with pytest.raises(ServiceError) as failed:
        await call(mesh, arity, text, stub)
    return failed.value


@pytest.mark.parametrize(
    ("arity", "answers"),
    [("say", ["hi"]), ("repeat", ["hi", "hi"]), ("join", ["a hi"]), ("chat", ["a", "hi"])],
)
async def test_calls_of_all_four_arities_are_answered(mesh: EchoMesh, arity: str, answers: list[str]) -> None:
    assert await call(mesh, arity, "hi") == answers


@ARITIES
async def test_a_typed_error_reaches_the_caller_as_it_was_raised(mesh: EchoMesh, arity: str) -> None:
    async def refuse(*_: object) -> None:
        raise BoxFull("the box is full", size=3, retry_delay_ms=40)

    mesh.echo.on_say = refuse

    error = await failure_of(mesh, arity, "hi")

    assert (error.kind, error.domain, error.reason) == (ErrorKind.EXHAUSTED, "hongbao.echo", "BOX_FULL")
    assert (error.message, error.metadata, error.retry_delay_ms) == ("the box is full", {"size": "3"}, 40)


@ARITIES
async def test_an_unexpected_exception_tells_the_caller_nothing(mesh: EchoMesh, arity: str) -> None:
    async def break_down(*_: object) -> None:
        raise KeyError("the secret of the house")

    mesh.echo.on_say = break_down

    error = await failure_of(mesh, arity, "hi")

    assert (error.kind, error.reason, error.message) == (ErrorKind.INTERNAL, "INTERNAL", "internal error")


@ARITIES
async def test_a_bad_field_is_named_whichever_message_has_it(mesh: EchoMesh, arity: str) -> None:
    error = await failure_of(mesh, arity, "x" * 41)

    assert (error.kind, error.domain, error.reason) == (ErrorKind.INVALID, "hongbao.mesh", "INVALID_FIELD")
    assert error.metadata == {"field": "text", "rule": "string.max_len"}


@pytest.mark.parametrize("method", ["Say", "Repeat"])
async def test_bytes_that_are_no_message_are_refused_as_everything_else_is(
    mesh: EchoMesh, method: str
) -> None:
    channel: Any = mesh.channels.channel(mesh.address)
    make = channel.unary_unary if method == "Say" else channel.unary_stream
    call = make(f"/{SERVICE}/{method}", bytes, bytes)(b"\xff\xff\xff")
    with pytest.raises(ServiceError) as failed:
        await (call if method == "Say" else anext(aiter(call)))
    error = failed.value
    assert (error.kind, error.domain, error.reason) == (ErrorKind.INVALID, "hongbao.mesh", "INVALID_FIELD")
    assert error.metadata == {"field": "", "rule": "encoding"}


@ARITIES
async def test_a_call_that_is_no_edge_of_the_call_graph_is_refused(mesh: EchoMesh, arity: str) -> None:
    strangers = ChannelFactory(MeshSettings(), "stranger", network=mesh.network)

    error = await failure_of(mesh, arity, "hi", EchoStub(strangers.channel(mesh.address)))
    await strangers.close()

    assert (error.kind, error.reason) == (ErrorKind.DENIED, "CALL_NOT_ALLOWED")
    assert error.metadata["caller"] == "stranger"
    assert error.metadata["method"].startswith(SERVICE)


async def test_each_of_many_calls_at_once_has_its_own_metadata(mesh: EchoMesh) -> None:
    many, arrived, all_here = 50, 0, asyncio.Event()

    async def say_who(_request: object, context: Any) -> Any:
        nonlocal arrived
        arrived += 1
        if arrived == many:
            all_here.set()
        await all_here.wait()
        return EchoResponse(text=dict(metadata_of(context))["x-who"])

    mesh.echo.on_say = say_who

    async def who(number: int) -> str:
        said = await mesh.stub.say(EchoRequest(text="who?"), metadata=(("x-who", str(number)),))
        return str(said.text)

    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*map(who, range(many))) == [str(number) for number in range(many)]


async def test_a_method_that_nobody_serves_is_unimplemented(mesh: EchoMesh) -> None:
    shout = mesh.channels.channel(mesh.address).unary_unary(
        f"/{SERVICE}/Shout", EchoRequest.SerializeToString, EchoRequest.FromString
    )

    with pytest.raises(ServiceError) as failed:
        await shout(EchoRequest(text="hi"))

    assert failed.value.reason == "METHOD_UNKNOWN"


async def test_an_address_where_nobody_listens_is_unreachable(mesh: EchoMesh) -> None:
    stub = EchoStub(mesh.channels.channel("127.0.0.1:1"))

    with pytest.raises(ServiceError) as failed:
        await stub.say(EchoRequest(text="hi"))

    assert (failed.value.kind, failed.value.reason) == (ErrorKind.UNAVAILABLE, "UNREACHABLE")


async def test_a_call_with_too_little_time_is_refused_before_it_is_worked_on(mesh: EchoMesh) -> None:
    async def never(*_: object) -> None:
        pytest.fail("the handler must not run")

    mesh.echo.on_say = never

    with pytest.raises(ServiceError) as failed:
        await mesh.stub.say(EchoRequest(text="hi"), timeout=0.004)

    assert failed.value.kind is ErrorKind.DEADLINE
    assert failed.value.reason in {"DEADLINE_TOO_SHORT", "DEADLINE_PASSED"}


async def test_a_callee_gets_a_little_less_time_than_its_caller_has(mesh: EchoMesh) -> None:
    left: dict[str, float | None] = {}

    async def pass_on(request: Any, _context: Any) -> None:
        left[request.text] = remaining_s(SystemClock())
        if request.text == "outer":
            await mesh.stub.say(EchoRequest(text="inner"), timeout=60.0)

    mesh.echo.on_say = pass_on

    await mesh.stub.say(EchoRequest(text="outer"), timeout=3.0)

    outer, inner = left["outer"], left["inner"]
    assert outer is not None
    assert inner is not None
    assert 2.0 < inner < outer


async def test_work_that_outlives_a_request_does_not_inherit_its_deadline(mesh: EchoMesh) -> None:
    found: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()

    async def look() -> None:
        found.set_result(remaining_s(SystemClock()))

    async def leave_work_behind(*_: object) -> None:
        assert remaining_s(SystemClock()) is not None
        start_background(look(), "look")

    mesh.echo.on_say = leave_work_behind

    await call(mesh, "say", "hi")

    assert await asyncio.wait_for(found, PATIENCE_S) is None


async def test_the_time_of_a_call_that_takes_too_long_passes(mesh: EchoMesh) -> None:
    cancelled = asyncio.Event()

    async def dawdle(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    mesh.echo.on_say = dawdle

    with pytest.raises(ServiceError) as failed:
        await mesh.stub.say(EchoRequest(text="hi"), timeout=0.1)

    assert failed.value.kind is ErrorKind.DEADLINE
    await asyncio.wait_for(cancelled.wait(), PATIENCE_S)


@pytest.mark.parametrize("arity", ["say", "chat"])
async def test_giving_a_call_up_cancels_its_handler(mesh: EchoMesh, arity: str) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def dawdle(*_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    mesh.echo.on_say = dawdle
    calling = asyncio.create_task(call(mesh, arity, "hi"))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)

    calling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await calling
    await asyncio.wait_for(cancelled.wait(), PATIENCE_S)


async def test_a_stream_that_nobody_holds_any_more_ends(mesh: EchoMesh) -> None:
    stream = mesh.stub.chat()
    await stream.write(EchoRequest(text="hi"))
    assert (await stream.read()).text == "hi"
    assert in_flight("Chat") == 1

    del stream

    await until(lambda: in_flight("Chat") == 0)


async def test_a_handler_whose_own_work_was_cancelled_answers_all_the_same(mesh: EchoMesh) -> None:
    async def wait_for_what_was_cancelled(*_: object) -> None:
        lost = asyncio.get_running_loop().create_future()
        lost.cancel()
        await lost

    mesh.echo.on_say = wait_for_what_was_cancelled

    error = await failure_of(mesh, "say", "hi")

    assert (error.kind, error.reason) == (ErrorKind.UNAVAILABLE, "CANCELLED")


@pytest.mark.parametrize("arity", ["join", "chat"])
async def test_what_the_callers_own_requests_raise_reaches_the_caller(mesh: EchoMesh, arity: str) -> None:
    async def broken() -> AsyncIterator[Any]:
        yield EchoRequest(text="a")
        raise LookupError("nothing left to say")

    async def call_it() -> None:
        if arity == "join":
            await mesh.stub.join(broken())
        else:
            [response async for response in mesh.stub.chat(broken())]

    with pytest.raises(LookupError, match="nothing left to say"):
        await call_it()


async def test_writing_to_a_stream_that_was_refused_says_why(mesh: EchoMesh) -> None:
    stream = mesh.stub.chat()
    await stream.write(EchoRequest(text="x" * 41))

    async def write_on() -> None:
        while True:
            await stream.write(EchoRequest(text="again"))

    with pytest.raises(ServiceError) as failed:
        await asyncio.wait_for(write_on(), PATIENCE_S)

    assert failed.value.reason == "INVALID_FIELD"


async def test_a_refusal_is_not_lost_while_requests_still_flow(mesh: EchoMesh) -> None:
    async def refuse(*_: object) -> None:
        raise BoxFull("the box is full")

    async def endless() -> AsyncIterator[Any]:
        while True:
            yield EchoRequest(text="more")

    mesh.echo.on_say = refuse

    for _ in range(20):
        with pytest.raises(ServiceError) as failed:
            [response async for response in mesh.stub.chat(endless())]
        assert failed.value.reason == "BOX_FULL"


async def test_calls_are_counted_by_how_they_ended(mesh: EchoMesh) -> None:
    before = handled("OK"), handled("INVALID_ARGUMENT")

    await call(mesh, "say", "hi")
    await failure_of(mesh, "say", "x" * 41)

    await until(lambda: (handled("OK"), handled("INVALID_ARGUMENT")) == (before[0] + 1, before[1] + 1))


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop run until the condition holds; fails after `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


def in_flight(method: str) -> float:
    labels = {"service": "echo", "method": f"{SERVICE}/{method}"}
    return REGISTRY.get_sample_value("hongbao_rpcs_in_flight", labels) or 0.0


def handled(code: str) -> float:
    labels = {"service": "echo", "method": f"{SERVICE}/Say", "code": code}
    return REGISTRY.get_sample_value("hongbao_rpcs_handled_total", labels) or 0.0


@ARITIES
async def test_of_a_service_with_room_for_one_call_the_second_is_refused_before_it_is_read(
    arity: str,
) -> None:
    admission = Admission("echo", 1, retry_delay_ms=70)
    async with echo_mesh(admission=admission) as mesh:
        # A request that breaks the contract: nobody has looked at it when it is refused.
        admission.enter()
        failure = await failure_of(mesh, arity, "x" * 41)
        assert (failure.kind, failure.reason) == (ErrorKind.EXHAUSTED, "OVERLOADED")
        assert failure.retry_delay_ms == 70
        assert admission.occupied == 1
        admission.leave()
        assert (await failure_of(mesh, arity, "x" * 41)).reason == "INVALID_FIELD"
        await call(mesh, arity, "now")
        assert admission.occupied == 0

"""A server that answers as the cases of a service say. Callers are tested against it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import grpc
from google.protobuf import json_format

from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer, Service
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import Telemetry
from tests.contract.case import Case, load_cases
from tests.contract.contracts import Rpc, rpcs
from tests.contract.values import Scope, as_dict, build, unify

_numbers = itertools.count(1)


@asynccontextmanager
async def stub_server(service: str, network: LocalNetwork) -> AsyncIterator[StubServer]:
    """Serves every rpc that the service's contract has, from its cases.

    Fails when it closes, if a request came that no case fits.
    """
    stub = StubServer(service, network)
    settings = plain_settings(f"stub-{service}-{next(_numbers)}")
    telemetry = Telemetry(settings, service, ())
    names = sorted({name.rpartition("/")[0] for name in stub.rpcs})
    services = [Service(name, stub, stub.add_to_server(name)) for name in names]
    server = MeshServer(
        settings, service, services, telemetry=telemetry, clock=network.clock, network=network
    )
    stub.address = await server.start()
    await server.set_ready(True)
    try:
        yield stub
    finally:
        network.cut(stub.address)
        telemetry.shutdown()
    assert not stub.unanswered, f"no case of {service} fits {stub.unanswered}"


@cache
def _base_settings() -> MeshSettings:
    return MeshSettings(drain_s=0.0, stop_grace_s=0.0)


def plain_settings(instance: str) -> MeshSettings:
    """Settings of the mesh under a name. Read once: reading the environment takes longer than most cases."""
    return _base_settings().model_copy(update={"instance": instance})


@dataclass(frozen=True, slots=True)
class _Answer:
    responses: Sequence[Any]
    error: ServiceError | None


class StubServer:
    """Answers requests with the first case that they fit; remembers them."""

    def __init__(self, service: str, network: LocalNetwork) -> None:
        self.address = ""
        self.rpcs = {name: rpc for name, rpc in rpcs().items() if name.startswith(f"hongbao.{service}.v1.")}
        self.calls: list[tuple[str, Any]] = []
        self.unanswered: list[tuple[str, Any]] = []
        self._clock = network.clock
        self._cases = load_cases(service)
        self._used: list[Case] = []
        self._held: dict[str, asyncio.Event] = {}
        self._played: dict[str, Callable[[Any, Any], Any]] = {}

    def use(self, name: str) -> None:
        """Lets the case with this name answer before all others, and before `play`."""
        chosen = next(case for case in self._cases if case.name == name)
        self._played.pop(chosen.call.rpc, None)
        self._used.insert(0, chosen)

    def requests(self, rpc: str) -> list[dict[str, Any]]:
        """The requests that came for an rpc, without their defaults."""
        return [as_dict(request, defaults=False) for name, request in self.calls if name == rpc]

    def hold(self, rpc: str) -> None:
        """Answers nothing for this rpc until `release`."""
        self._held[rpc] = asyncio.Event()

    def release(self, rpc: str) -> None:
        """Answers what waits, and goes on answering."""
        self._held.pop(rpc).set()

    def play(self, rpc: str, behaviour: Callable[[Any, Any], Any]) -> None:
        """Lets a test's own handler answer this rpc: a coroutine, or an async generator where it streams."""
        self._played[rpc] = behaviour

    def add_to_server(self, service: str) -> Any:
        """Stands in for the generated function of one contract service."""
        handlers = {
            name.rpartition("/")[2]: self._handler(rpc)
            for name, rpc in self.rpcs.items()
            if name.startswith(f"{service}/")
        }
        return lambda _, server: server.add_registered_method_handlers(service, handlers)

    def _handler(self, rpc: Rpc) -> Any:
        async def unary(request: Any, context: Any) -> Any:
            played = self._played.get(rpc.name)
            return await (played(request, context) if played is not None else self._one(rpc, request))

        async def streamed(request: Any, context: Any) -> AsyncIterator[Any]:
            played = self._played.get(rpc.name)
            answers = played(request, context) if played is not None else self._many(rpc, request)
            async for response in answers:
                yield response

        make: Any = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[rpc.client_streams, rpc.server_streams]
        return make(
            streamed if rpc.server_streams else unary,
            request_deserializer=rpc.request.FromString,
            response_serializer=rpc.response.SerializeToString,
        )

    async def _one(self, rpc: Rpc, request: Any) -> Any:
        if not rpc.client_streams:
            return (await self._answers(rpc, request))[0]
        return [(await self._answers(rpc, part))[0] async for part in request][-1]

    async def _many(self, rpc: Rpc, request: Any) -> AsyncIterator[Any]:
        if rpc.client_streams:
            async for part in request:
                for response in await self._answers(rpc, part):
                    yield response
            return
        for response in await self._answers(rpc, request):
            yield response
        await asyncio.get_running_loop().create_future()  # Feeds stay open until their reader leaves.

    async def _answers(self, rpc: Rpc, request: Any) -> list[Any]:
        self.calls.append((rpc.name, request))
        if rpc.name in self._held:
            await self._held[rpc.name].wait()
        answer = self._find(rpc, as_dict(request, defaults=False))
        if answer is None:
            self.unanswered.append((rpc.name, request))
            raise ServiceError.rebuilt(
                kind=ErrorKind.INTERNAL,
                domain="hongbao.contract",
                reason="CASE_MISSING",
                message=f"no case fits this request of {rpc.name}",
                metadata={},
                retry_delay_ms=None,
            )
        if answer.error is not None:
            raise answer.error
        return list(answer.responses)

    def _find(self, rpc: Rpc, request: dict[str, Any]) -> _Answer | None:
        for case in self._candidates(rpc):
            for index, pattern in enumerate(case.call.requests):
                scope = Scope(self._clock.now_ms)
                if unify(pattern, request, scope.values):
                    return _recorded(case, index, rpc, scope)
        return None

    def _candidates(self, rpc: Rpc) -> Iterator[Case]:
        yield from (case for case in self._used if case.call.rpc == rpc.name)
        ordinary = [case for case in self._cases if case.call.rpc == rpc.name]
        yield from sorted(ordinary, key=_rank)


def _rank(case: Case) -> tuple[bool, int, bool]:
    # What a literal request says goes before what a placeholder lets through, and an error that depends on
    # what happened before is only given when a test asks for it.
    failed = case.call.error is not None
    return (failed and bool(case.given), str(case.call.requests).count("$"), failed)


def _recorded(case: Case, index: int, rpc: Rpc, scope: Scope) -> _Answer:
    call = case.call
    responses = list(call.responses or ())
    if len(call.requests) > 1 and len(call.requests) == len(responses):
        responses = responses[index : index + 1]
    built = [
        json_format.ParseDict(build(response, rpc.response.DESCRIPTOR, scope), rpc.response())
        for response in responses
    ]
    if call.error is None:
        return _Answer(built, None)
    error = ServiceError.rebuilt(
        kind=ErrorKind(call.error.code),
        domain=call.error.domain,
        reason=call.error.reason,
        message=f"as in the case {case.name!r}",
        metadata=_texts(call.error.metadata, scope),
        retry_delay_ms=100 if call.error.retry else None,
        localized=_texts(call.error.localized, scope),
    )
    return _Answer(built, error)


def _texts(expected: Mapping[str, Any], scope: Scope) -> dict[str, str]:
    return {key: _text(value, scope) for key, value in expected.items() if value is not None}


def _text(value: Any, scope: Scope) -> str:
    if not isinstance(value, str) or not value.startswith("$"):
        return str(value)
    if value.startswith("$matches "):
        return value.rpartition(" e.g. ")[2]
    known = scope.values.get(value[1:])
    return str(known) if known is not None else "something"

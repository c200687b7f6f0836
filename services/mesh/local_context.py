# ruff: noqa: D102 - the methods are gRPC's, which says what they mean
"""The handler's end of a call over a local network."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

if TYPE_CHECKING:
    from services.mesh.local_call import LocalCall

EOF = grpc.aio.EOF
_Metadata = tuple[tuple[str, str | bytes], ...]


async def answer(call: LocalCall, handler: Any) -> None:
    """Runs a handler of any arity; returns when it has answered."""
    parse, serialise = handler.request_deserializer, handler.response_serializer
    context = LocalContext(call, parse, serialise)
    behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    request = _requests(context) if handler.request_streaming else await context.read()
    if not handler.response_streaming:
        await context.write(await behaviour(request, context))
    elif inspect.isasyncgenfunction(behaviour):
        async for response in behaviour(request, context):
            await context.write(response)
    else:
        await behaviour(request, context)


async def _requests(context: LocalContext) -> AsyncIterator[Any]:
    while (request := await context.read()) is not EOF:
        yield request


class LocalContext(grpc.aio.ServicerContext[Any, Any]):
    """What a handler learns about its call. See `grpc.aio.ServicerContext` for what the methods mean."""

    def __init__(
        self, call: LocalCall, parse: Callable[[bytes], Any], serialise: Callable[[Any], bytes]
    ) -> None:
        self._call, self._parse, self._serialise = call, parse, serialise
        self._message = ""
        self._trailing: _Metadata = ()

    async def read(self) -> Any:
        payload = await self._call.requests.get()
        return payload if payload is EOF else self._parse(payload)

    async def write(self, message: Any) -> None:
        await self._call.responses.put(self._serialise(message))

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Iterable[Any] = ()
    ) -> NoReturn:
        self._call.fail(code, details, tuple(trailing_metadata))
        raise grpc.aio.AbortError("aborted")

    async def abort_with_status(self, status: Any) -> NoReturn:
        await self.abort(status.code, status.details, status.trailing_metadata)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Nobody on a local network looks at it."""

    def invocation_metadata(self) -> _Metadata:
        return self._call.metadata

    def time_remaining(self) -> float | None:  # type: ignore[override]  # None is what gRPC gives, too
        return self._call.time_remaining()

    def set_code(self, code: grpc.StatusCode) -> None:
        self._call.code_set = code

    def set_details(self, details: str) -> None:
        self._message = details

    def set_trailing_metadata(self, trailing_metadata: Iterable[Any]) -> None:
        self._trailing = tuple(trailing_metadata)

    def code(self) -> grpc.StatusCode | None:  # type: ignore[override]  # as above
        return self._call.code_set

    def details(self) -> str:
        return self._message

    def trailing_metadata(self) -> _Metadata:
        return self._trailing

    def peer(self) -> str:
        return "local"

    def peer_identities(self) -> None:
        return None

    def peer_identity_key(self) -> None:
        return None

    def auth_context(self) -> dict[str, Any]:
        return {}

    def set_compression(self, compression: grpc.Compression) -> None:
        """Nothing is compressed here."""

    def disable_next_message_compression(self) -> None:
        """Nothing is compressed here."""

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._call.add_done_callback(lambda _: callback(self))

    def cancelled(self) -> bool:
        return self._call.done()

    def done(self) -> bool:
        return self._call.done()

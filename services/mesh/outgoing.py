"""What the mesh adds to each outgoing call, and the typed errors that come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable
from typing import Any, NoReturn

import grpc
from grpc.aio._call import StreamStreamCall, StreamUnaryCall

from services.mesh.interceptors.deadline import Deadlines
from services.mesh.interceptors.errors import from_wire
from services.mesh.interceptors.tracing import TRACEPARENT_KEY, describe
from services.mesh.telemetry import ActiveSpan, outgoing_span

EOF = grpc.aio.EOF
_Metadata = Iterable[tuple[str, str | bytes]]


class Outgoing:
    """The rules for the calls of one caller."""

    __slots__ = ("_caller", "deadlines")

    def __init__(self, deadlines: Deadlines, caller: tuple[str, str]) -> None:
        self.deadlines = deadlines
        self._caller = caller

    def begin(self, method: str, given: _Metadata | None) -> tuple[ActiveSpan | None, list[Any]]:
        """Begins the client span when sampled, and makes the metadata to send."""
        span, header = outgoing_span(method)
        metadata: list[Any] = [self._caller]
        if header:
            metadata.append((TRACEPARENT_KEY, header))
        if given:
            metadata.extend(given)
        if span is not None:
            describe(span, method)
        return span, metadata


class MeshUnaryCalls:
    """The calls of one unary method. Calling gives a coroutine; the call is sent when it is awaited."""

    __slots__ = ("_inner", "_method", "_outgoing")

    def __init__(self, method: str, inner: Any, outgoing: Outgoing) -> None:
        self._method = method.removeprefix("/")
        self._inner = inner
        self._outgoing = outgoing

    async def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - grpc's signature
        metadata: _Metadata | None = None,
        **options: Any,
    ) -> Any:
        """Calls; `timeout` in seconds is cut to what is left of the own request. Raises `ServiceError`."""
        timeout_s = self._outgoing.deadlines.outgoing_s(timeout)
        span, sent = self._outgoing.begin(self._method, metadata)
        if span is None:
            try:
                return await self._inner(request, timeout=timeout_s, metadata=sent, **options)
            except grpc.aio.AioRpcError as failure:
                raise from_wire(failure) from None
        return await self._traced(span, self._inner(request, timeout=timeout_s, metadata=sent, **options))

    async def _traced(self, span: ActiveSpan, call: Any) -> Any:
        error: str | None = "CANCELLED"
        try:
            response = await call
            error = None
        except grpc.aio.AioRpcError as failure:
            rebuilt = from_wire(failure)
            error = rebuilt.reason
            raise rebuilt from None
        else:
            return response
        finally:
            span.end(error)


class MeshStreamCalls:
    """The calls of one method that streams either way. The call is sent at once."""

    __slots__ = ("_inner", "_method", "_outgoing")

    def __init__(self, method: str, inner: Any, outgoing: Outgoing) -> None:
        self._method = method.removeprefix("/")
        self._inner = inner
        self._outgoing = outgoing

    def __call__(
        self,
        request: Any = None,
        *,
        timeout: float | None = None,
        metadata: _Metadata | None = None,
        **options: Any,
    ) -> MeshStreamCall:
        """Calls; without a `timeout` in seconds the stream has no deadline."""
        span, sent = self._outgoing.begin(self._method, metadata)
        requests = None
        if isinstance(request, AsyncIterable):
            request = requests = _Requests(request)
        call = self._inner(request, timeout=timeout, metadata=sent, **options)
        if isinstance(call, _GRPC_STREAM_CALLS):
            call._cython_call = _StatusKept(call._cython_call)  # noqa: SLF001 - see there
        return MeshStreamCall(call, requests, span)


class MeshStreamCall:
    """A stream that goes on: iterate or `read` responses, `write` requests, or await the only response.

    Everything raises `ServiceError` where gRPC raises its own. A call that nobody holds is cancelled.
    """

    def __init__(self, inner: Any, requests: _Requests | None, span: ActiveSpan | None) -> None:
        self._inner = inner
        self._requests = requests
        self._responses: AsyncIterator[Any] | None = None
        if span is not None:
            inner.add_done_callback(lambda _: asyncio.ensure_future(_end_span(span, inner)))

    def __aiter__(self) -> MeshStreamCall:
        return self

    async def __anext__(self) -> Any:
        if self._responses is None:
            self._responses = aiter(self._inner)
        return await self._translated(anext, self._responses)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._translated(_awaited, self._inner).__await__()

    async def read(self) -> Any:
        """The next response, or `grpc.aio.EOF`."""
        return await self._translated(self._inner.read)

    async def write(self, request: Any) -> None:
        """Sends a request; waits while the connection's window is full."""
        await self._translated(self._inner.write, request)

    async def done_writing(self) -> None:
        """Says that no further request follows."""
        await self._translated(self._inner.done_writing)

    def cancel(self) -> bool:
        """Gives the call up; False when it had ended."""
        return bool(self._inner.cancel())

    def done(self) -> bool:
        """Whether the call has ended."""
        return bool(self._inner.done())

    async def code(self) -> grpc.StatusCode:
        """The status code, once the call has ended."""
        code: grpc.StatusCode = await self._inner.code()
        return code

    def __del__(self) -> None:
        if not self._inner.done():
            self._inner.cancel()

    async def _translated(self, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await step(*arguments)
        except grpc.aio.AioRpcError as failure:
            raise from_wire(failure) from None
        except asyncio.InvalidStateError:
            await self._raise_end()
        except asyncio.CancelledError:
            # gRPC cancels a call whose request iterator raised; what it raised says why.
            if self._requests is not None and self._requests.failure is not None:
                raise self._requests.failure from None
            raise

    async def _raise_end(self) -> NoReturn:
        """Says why one cannot write any more: gRPC only says that the call has ended."""
        code = await self._inner.code()
        if code is not grpc.StatusCode.OK:
            trailing, message = await self._inner.trailing_metadata(), await self._inner.details()
            raise from_wire(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, message)) from None
        raise asyncio.InvalidStateError("the call has ended")


_GRPC_STREAM_CALLS = (StreamUnaryCall, StreamStreamCall)


class _StatusKept:
    """gRPC's inner call, without its habit of replacing the server's status when a write meets the end.

    The write fails because the status is about to arrive; gRPC would say INTERNAL instead of waiting for it.
    """

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def set_internal_error(self, message: str) -> None:
        """Leaves the status to come as the server sent it."""


class _Requests:
    """A request iterator that remembers what it raised."""

    def __init__(self, messages: AsyncIterable[Any]) -> None:
        self.failure: BaseException | None = None
        self._messages = aiter(messages)

    def __aiter__(self) -> _Requests:
        return self

    async def __anext__(self) -> Any:
        try:
            return await anext(self._messages)
        except (StopAsyncIteration, asyncio.CancelledError):
            raise
        except Exception as failure:
            self.failure = failure
            raise


async def _awaited(call: Any) -> Any:
    return await call


async def _end_span(span: ActiveSpan, inner: Any) -> None:
    code = await inner.code()
    span.end(None if code is grpc.StatusCode.OK else code.name)

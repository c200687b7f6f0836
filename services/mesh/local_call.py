"""One call over a local network, both its ends: what the caller holds and what the handler is given."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

import grpc

from services.mesh.local_context import answer

if TYPE_CHECKING:
    from services.mesh.local import LocalNetwork

MESSAGES_MAX = 16
"""Messages that wait in one direction of a stream before its writer has to: flow control, as on a wire."""

EOF = grpc.aio.EOF
_OK = grpc.StatusCode.OK
_Metadata = tuple[tuple[str, str | bytes], ...]


class LocalCall:
    """The caller's end. Awaitable when one response comes, iterable when many do, as in `grpc.aio`."""

    def __init__(
        self,
        network: LocalNetwork,
        address: str,
        method: str,
        metadata: Iterable[tuple[str, str | bytes]] | None,
        timeout_s: float | None,
        serialise: Callable[[Any], bytes],
        parse: Callable[[bytes], Any],
    ) -> None:
        self.method = method
        self.metadata: _Metadata = tuple(metadata or ())
        self.requests, self.responses = _Pipe(), _Pipe()
        self.code_set: grpc.StatusCode | None = None
        self._network, self._address = network, address
        self._serialise, self._parse = serialise, parse
        self._deadline_s = None if timeout_s is None else network.clock.monotonic_s() + timeout_s
        self._status: asyncio.Future[grpc.aio.AioRpcError | None] = asyncio.get_running_loop().create_future()
        self._given_up = False
        self._tasks: list[asyncio.Task[None]] = []
        self._callbacks: list[Callable[[LocalCall], object]] = []

    def start(self, request: Any) -> None:
        """Sends the call off. `request` is a message, an iterator of some, or None if `write` brings them."""
        self._tasks.append(asyncio.create_task(self._send(request)))
        # The handler inherits nothing from its caller, as behind a wire.
        self._tasks.append(asyncio.create_task(self._serve(), context=contextvars.Context()))
        if self._deadline_s is not None:
            self._tasks.append(asyncio.create_task(self._time_out(self._deadline_s)))

    def time_remaining(self) -> float | None:
        """Seconds until the deadline; None without one."""
        return None if self._deadline_s is None else self._deadline_s - self._network.clock.monotonic_s()

    def done(self) -> bool:
        """Whether the call has its status."""
        return self._status.done()

    def add_done_callback(self, callback: Callable[[LocalCall], object]) -> None:
        """Has the callback called once, when the call ends."""
        self._callbacks.append(callback)

    def cancel(self) -> bool:
        """Gives the call up; the handler is cancelled. False when it had ended."""
        self._given_up = self.fail(grpc.StatusCode.CANCELLED, "cancelled by the caller") or self._given_up
        return self._given_up

    def fail(self, code: grpc.StatusCode, message: str, trailing: _Metadata = ()) -> bool:
        """Ends the call with an error; False when it had ended."""
        return self._end(grpc.aio.AioRpcError(code, _as_metadata(()), _as_metadata(trailing), message))

    async def wait_ended(self) -> None:
        """Returns when the call has its status."""
        await asyncio.wait((self._status,))

    async def code(self) -> grpc.StatusCode:
        """The status code, once the call has ended."""
        await self.wait_ended()
        failure = self._status.result()
        return _OK if failure is None else failure.code()

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """What an error carries, once the call has ended."""
        await self.wait_ended()
        failure = self._status.result()
        return (failure and failure.trailing_metadata()) or _as_metadata(())

    async def details(self) -> str:
        """The message of an error, once the call has ended."""
        await self.wait_ended()
        failure = self._status.result()
        return "" if failure is None else failure.details() or ""

    async def read(self) -> Any:
        """The next response; `grpc.aio.EOF` after the last. Raises the error that the call ended with."""
        payload = await self._or_cancel(self.responses.get())
        if payload is not EOF:
            return self._parse(payload)
        await self._or_cancel(self.wait_ended())
        self._raise_failure()
        return EOF

    async def write(self, request: Any) -> None:
        """Sends one request; waits while too many are on the way."""
        if self.done():
            raise asyncio.InvalidStateError("the call has ended")
        await self.requests.put(self._serialise(request))

    async def done_writing(self) -> None:
        """Says that no further request follows."""
        self.requests.close()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._iterate()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._only_response().__await__()

    async def _only_response(self) -> Any:
        response = await self.read()
        if response is EOF:
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.INTERNAL, _as_metadata(()), _as_metadata(()), "the handler gave no response"
            )
        await self._or_cancel(self.wait_ended())
        self._raise_failure()
        return response

    async def _iterate(self) -> AsyncIterator[Any]:
        while (response := await self.read()) is not EOF:
            yield response

    async def _or_cancel(self, step: Any) -> Any:
        try:
            return await step
        except asyncio.CancelledError:
            self.cancel()
            raise

    def _raise_failure(self) -> None:
        if self._given_up:
            raise asyncio.CancelledError
        failure = self._status.result()
        if failure is not None:
            raise failure

    async def _send(self, request: Any) -> None:
        if request is None:
            return  # `write` brings them.
        try:
            if isinstance(request, AsyncIterable):
                async for message in request:
                    await self.requests.put(self._serialise(message))
            elif isinstance(request, Iterable):
                for message in request:
                    await self.requests.put(self._serialise(message))
            else:
                await self.requests.put(self._serialise(request))
        except Exception:  # noqa: BLE001 - as in grpc.aio; `MeshStreamCall` says what the iterator raised
            self.cancel()
            return
        self.requests.close()

    async def _serve(self) -> None:
        try:
            if self._network.faults is not None:
                await self._network.faults(self._address, self.method)
            handler = self._network.begin(self._address, self)
            if handler is not None:
                await answer(self, handler)
                self._end(None if self.code_set in {None, _OK} else _failure(self))
        except grpc.aio.AioRpcError as failure:
            self._end(failure)
        except grpc.aio.AbortError:
            pass  # The context has ended the call.
        except asyncio.CancelledError:
            self.fail(grpc.StatusCode.CANCELLED, "cancelled by the server")
            raise
        except Exception as failure:  # noqa: BLE001 - the other end of a wire would see just this
            self.fail(grpc.StatusCode.UNKNOWN, f"unexpected {type(failure).__name__}")

    async def _time_out(self, deadline_s: float) -> None:
        await self._network.clock.sleep(deadline_s - self._network.clock.monotonic_s())
        self.fail(grpc.StatusCode.DEADLINE_EXCEEDED, "deadline exceeded")

    def _end(self, failure: grpc.aio.AioRpcError | None) -> bool:
        if self._status.done():
            return False
        self._status.set_result(failure)
        self.requests.close()
        self.responses.close()
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        for callback in self._callbacks:
            callback(self)
        return True


class _Pipe:
    """A bounded stream of payloads, one writer and one reader."""

    def __init__(self) -> None:
        self._payloads: deque[bytes] = deque()
        self._closed = False
        self._changed = asyncio.Event()

    async def put(self, payload: bytes) -> None:
        while len(self._payloads) >= MESSAGES_MAX and not self._closed:
            await self._change()
        if not self._closed:
            self._payloads.append(payload)
            self._changed.set()

    async def get(self) -> Any:
        while not self._payloads:
            if self._closed:
                return EOF
            await self._change()
        payload = self._payloads.popleft()
        self._changed.set()
        return payload

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _failure(call: LocalCall) -> grpc.aio.AioRpcError:
    code = call.code_set or grpc.StatusCode.UNKNOWN
    return grpc.aio.AioRpcError(code, _as_metadata(()), _as_metadata(()), "")


def _as_metadata(pairs: Iterable[tuple[str, str | bytes]]) -> grpc.aio.Metadata:
    return grpc.aio.Metadata(*pairs)

"""A network inside one process: servers listen under names, and calls reach their handlers without sockets.

Messages are serialised and parsed on the way, as on a wire, so that nobody shares an object by accident.
Handlers run in contexts of their own, with the same interceptors as behind a port. Time is the clock's: with
a manual clock, timeouts pass when it is moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

import grpc

from services.mesh.clock import Clock
from services.mesh.local_call import LocalCall

Faults = Callable[[str, str], Awaitable[None]]
"""Called with (address, method path) before each call; may wait on the clock or raise `AioRpcError`."""


_CODECS = ("request_serializer", "response_deserializer")


class LocalNetwork:
    """The servers of one process by address."""

    def __init__(self, clock: Clock, faults: Faults | None = None) -> None:
        self.clock = clock
        self.faults = faults
        self._handlers: dict[str, Mapping[str, grpc.RpcMethodHandler]] = {}
        # Ordered, unlike a set: what a crash breaks off first must not depend on addresses in memory.
        self._calls: dict[str, dict[LocalCall, None]] = {}

    def listen(self, address: str, handlers: Mapping[str, grpc.RpcMethodHandler]) -> None:
        """Makes handlers, by method path, reachable under an address; raises ValueError when it is taken."""
        if address in self._handlers:
            raise ValueError(f"{address} is taken")
        self._handlers[address] = handlers
        self._calls.setdefault(address, {})

    async def unlisten(self, address: str, grace_s: float) -> None:
        """Refuses new calls, gives running ones a time to end, and breaks those off that have not."""
        self._handlers.pop(address, None)
        running = self._calls.get(address, {})
        if running and grace_s > 0:
            ended = asyncio.gather(*(call.wait_ended() for call in tuple(running)))
            patience = asyncio.ensure_future(self.clock.sleep(grace_s))
            await asyncio.wait((ended, patience), return_when=asyncio.FIRST_COMPLETED)
            patience.cancel()
            ended.cancel()
        self.cut(address)

    def cut(self, address: str) -> None:
        """Takes a server away in the middle of its work, as a crash does: its callers see UNAVAILABLE."""
        self._handlers.pop(address, None)
        for call in tuple(self._calls.get(address, ())):
            call.fail(grpc.StatusCode.UNAVAILABLE, "connection lost")

    def channel(self, address: str) -> LocalChannel:
        """A channel to an address, which need not be there yet."""
        return LocalChannel(self, address)

    def begin(self, address: str, call: LocalCall) -> grpc.RpcMethodHandler | None:
        """Finds the handler for a call, which is kept until it ends; fails the call when there is none."""
        handlers = self._handlers.get(address)
        if handlers is None:
            call.fail(grpc.StatusCode.UNAVAILABLE, f"nobody listens at {address}")
            return None
        handler = handlers.get(call.method)
        if handler is None:
            call.fail(grpc.StatusCode.UNIMPLEMENTED, "method not found")
            return None
        running = self._calls[address]
        running[call] = None
        call.add_done_callback(lambda ended: running.pop(ended, None))
        return handler


class LocalChannel(grpc.aio.Channel):
    """Looks like a connection to generated stubs."""

    def __init__(self, network: LocalNetwork, address: str) -> None:
        self._network = network
        self._address = address
        self._closed = False

    def unary_unary(self, method: str, *serializers: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`."""
        return self._multicallable(method, serializers, options)

    def unary_stream(self, method: str, *serializers: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`."""
        return self._multicallable(method, serializers, options)

    def stream_unary(self, method: str, *serializers: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`."""
        return self._multicallable(method, serializers, options)

    def stream_stream(self, method: str, *serializers: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`."""
        return self._multicallable(method, serializers, options)

    async def close(self, grace: float | None = None) -> None:  # noqa: ARG002 - nothing to wait for
        """Refuses further calls."""
        self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: ARG002, FBT001, FBT002 - grpc's signature
        """Always ready: whether somebody listens shows at the call."""
        return grpc.ChannelConnectivity.SHUTDOWN if self._closed else grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Never happens here."""
        raise NotImplementedError(f"a local channel stays {last_observed_state}")

    async def channel_ready(self) -> None:
        """At once."""

    def _multicallable(
        self, method: str, serializers: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Callable[..., LocalCall]:
        codecs = {**dict(zip(_CODECS, serializers, strict=False)), **options}
        serialise, parse = (codecs[name] for name in _CODECS)

        def begin(
            request: Any = None, timeout: float | None = None, metadata: Any = None, **_: Any
        ) -> LocalCall:
            if self._closed:
                raise grpc.aio.UsageError("the channel is closed")
            call = LocalCall(self._network, self._address, method, metadata, timeout, serialise, parse)
            call.start(request)
            return call

        return begin

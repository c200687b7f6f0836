"""The one server builder: a service hands over its servicers and gets everything that every server has.

Standard services (health, reflection, channelz), the interceptor chain, limits, and an orderly end.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import uvloop
from grpc_channelz.v1 import _async as channelz
from grpc_channelz.v1 import channelz_pb2
from grpc_channelz.v1.channelz_pb2_grpc import add_ChannelzServicer_to_server
from grpc_health.v1 import _async as health
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import _async as reflection
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

import services.mesh.admission_metrics  # noqa: F401 - shows what is refused among the metrics
from services.mesh.admission import Admission
from services.mesh.background import start_background
from services.mesh.callgraph import allowed
from services.mesh.clock import Clock
from services.mesh.handlers import HandlerTable, Lookup
from services.mesh.interceptors.authorisation import IsAllowed
from services.mesh.interceptors.chain import Chain
from services.mesh.local import LocalNetwork
from services.mesh.logs import get_logger
from services.mesh.metrics import start_metrics
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import Telemetry, begin_unsampled

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_WILDCARD_HOSTS = {"0.0.0.0", "[::]", "::"}
_log = get_logger("mesh.server")


@dataclass(frozen=True, slots=True)
class Service:
    """A contract service and who answers it."""

    name: str
    """Full name: `hongbao.allocation.v1.AllocationService`."""
    servicer: object
    add_to_server: Callable[[Any, Any], None]
    """The generated `add_AllocationServiceServicer_to_server`."""
    admission: Admission | None = None
    """How many of its calls are taken on; others are refused before they are read. None: as many as come."""


class StartFailed(Exception):
    """The process cannot start; the message is one clear line for the operator."""


class MeshServer:
    """Serves the contract services of one process, on a port or on a local network."""

    def __init__(
        self,
        settings: MeshSettings,
        service_name: str,
        services: Sequence[Service],
        *,
        telemetry: Telemetry,
        clock: Clock,
        network: LocalNetwork | None = None,
        is_allowed: IsAllowed = allowed,
    ) -> None:
        self.address = ""
        """`host:port` that others reach the server at, once started."""
        self._settings = settings
        self._name = service_name
        self._services = services
        self._clock = clock
        self._network = network
        self._chain = Chain(settings, service_name, telemetry, clock, is_allowed)
        self._health = health.HealthServicer()
        self._shards: set[int] = set()
        self._server: grpc.aio.Server | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Starts serving, NOT_SERVING by health until `set_ready`; returns the address.

        Raises `StartFailed` when the port is taken.
        """
        for name in ("", *(service.name for service in self._services)):
            await self._health.set(name, _NOT_SERVING)
        handlers = self._handlers()
        if self._network is not None:
            self.address = f"local/{self._settings.instance}"
            self._network.listen(self.address, handlers)
        else:
            self._server = _grpc_server(self._settings, handlers)
            port = _bind(self._server, self._settings)
            await self._start(self._server)
            self.address = f"{_advertised_host(self._settings)}:{port}"
        _log.info("listening", service=self._name, address=self.address)
        return self.address

    async def set_ready(self, ready: bool, shards: Iterable[int] | None = None) -> None:  # noqa: FBT001 - reads well
        """Announces by health whether to call this process, and the shards (`shard/3`) that it owns.

        `shards` replaces what was announced before; None leaves it.
        """
        status = _SERVING if ready else _NOT_SERVING
        # Kept before anything is awaited: whoever is slow to announce must not announce what was before.
        concerned, self._shards = self._shards, self._shards if shards is None else set(shards)
        for name in ("", *(service.name for service in self._services)):
            await self._health.set(name, status)
        for shard in concerned | self._shards:
            await self._health.set(f"shard/{shard}", status if shard in self._shards else _NOT_SERVING)

    async def drain_and_stop(self, on_drain: Callable[[], Awaitable[None]] | None = None) -> None:
        """Ends in order: NOT_SERVING, `on_drain` (the handoff of shards) while still serving, then close.

        At least `drain_s` pass before it closes, and running calls get `stop_grace_s` then. Calling again
        waits for the first.
        """
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop_in_order(on_drain), name="drain")
        await asyncio.shield(self._stopping)

    async def run_until_signal(self, on_drain: Callable[[], Awaitable[None]] | None = None) -> None:
        """Serves until SIGTERM or SIGINT, then drains and stops. A second signal ends the drain at once."""
        loop = asyncio.get_running_loop()
        signalled, again = asyncio.Event(), asyncio.Event()

        def note() -> None:
            (again if signalled.is_set() else signalled).set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, note)
        try:
            await signalled.wait()
            _log.info("draining", service=self._name)
            await self._drain_unless(again, on_drain)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        _log.info("stopped", service=self._name)

    async def _drain_unless(
        self, again: asyncio.Event, on_drain: Callable[[], Awaitable[None]] | None
    ) -> None:
        drained = asyncio.create_task(self.drain_and_stop(on_drain))
        impatient = asyncio.create_task(again.wait())
        await asyncio.wait({drained, impatient}, return_when=asyncio.FIRST_COMPLETED)
        impatient.cancel()
        if drained.done():
            await drained
            return
        drained.cancel()
        if self._stopping is not None:
            self._stopping.cancel()
        await self._close(grace_s=0.0)

    async def _stop_in_order(self, on_drain: Callable[[], Awaitable[None]] | None) -> None:
        # Not awaited: it waits for everyone who watches, and one of them may be frozen.
        announcing = start_background(self._health.enter_graceful_shutdown(), "announce the end")
        pause = asyncio.ensure_future(self._clock.sleep(self._settings.drain_s))
        try:
            if on_drain is not None:
                await on_drain()
            await pause
        finally:
            # Whatever the handoff met, the server must not stay half open.
            announcing.cancel()
            pause.cancel()
            await self._close(self._settings.stop_grace_s)

    async def _close(self, grace_s: float) -> None:
        if self._network is not None:
            await self._network.unlisten(self.address, grace_s)
        if self._server is not None:
            await self._server.stop(grace_s)

    async def _start(self, server: grpc.aio.Server) -> None:
        # Calls inherit the context that the server starts in.
        context = contextvars.copy_context()
        context.run(begin_unsampled)
        await asyncio.create_task(server.start(), name="start serving", context=context)

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """Every method by its path, `/package.Service/Method`. Standard ones are unwrapped: open to all."""
        own, standard = HandlerTable(), HandlerTable()
        for service in self._services:
            service.add_to_server(service.servicer, own)
        names = [*_STANDARD_NAMES, *(service.name for service in self._services)]
        standard_services = (
            (add_HealthServicer_to_server, self._health),
            (add_ChannelzServicer_to_server, channelz.ChannelzServicer()),
            (add_ServerReflectionServicer_to_server, reflection.ReflectionServicer(names)),  # type: ignore[no-untyped-call]  # grpc has no types
        )
        for add_to_server, servicer in standard_services:
            add_to_server(servicer, standard)  # type: ignore[no-untyped-call]  # as above
        admissions = {service.name: service.admission for service in self._services}
        wrapped = {
            path: self._chain.wrap(path[1:], handler, admissions.get(path[1:].partition("/")[0]))
            for path, handler in own.handlers.items()
        }
        return {**standard.handlers, **wrapped}


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a composition root on uvloop. `StartFailed` ends the process with its one line and exit code 1."""
    try:
        uvloop.run(main())
    except StartFailed as failure:
        sys.stderr.write(f"{failure}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


_STANDARD_NAMES = tuple(
    service.full_name
    for file in (health_pb2.DESCRIPTOR, channelz_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
)


@contextlib.contextmanager
def exposed_metrics(settings: MeshSettings) -> Iterator[None]:
    """Shows the metrics as long as the block runs, if settings ask for it. Raises `StartFailed`."""
    try:
        exposition = start_metrics(settings)
    except OSError as failure:
        raise StartFailed(f"{settings.service}: cannot expose metrics: {failure.strerror}") from None
    with contextlib.closing(exposition) if exposition is not None else contextlib.nullcontext():
        yield


def _grpc_server(settings: MeshSettings, handlers: Mapping[str, grpc.RpcMethodHandler]) -> grpc.aio.Server:
    options = [
        ("grpc.so_reuseport", 0),  # Two processes on one port would share its calls at random.
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        ("grpc.enable_channelz", 1),
        ("grpc.keepalive_time_ms", settings.keepalive_ms),
        ("grpc.keepalive_timeout_ms", settings.keepalive_timeout_ms),
        # Callers keep connections alive while they are idle; without this they would be sent away for it.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", settings.keepalive_ms // 2),
        # Beyond 1,000 calls that nobody has looked at yet, gRPC cancels some at random, whatever they are,
        # and says nothing of when to come back. Who is refused, and how, is for admission to decide.
        ("grpc.server.max_pending_requests", settings.concurrent_rpcs_max),
        ("grpc.server.max_pending_requests_hard_limit", settings.concurrent_rpcs_max),
    ]
    server: grpc.aio.Server = grpc.aio.server(
        options=options, maximum_concurrent_rpcs=settings.concurrent_rpcs_max
    )
    server.add_generic_rpc_handlers((Lookup(handlers),))
    return server


def _bind(server: grpc.aio.Server, settings: MeshSettings) -> int:
    address = f"{settings.listen_host}:{settings.listen_port}"
    try:
        return int(server.add_insecure_port(address))
    except RuntimeError:
        # gRPC's own message does not say which of many reasons it was; the operating system does.
        raise StartFailed(f"cannot listen on {address}: {_bind_failure(settings)}") from None


def _bind_failure(settings: MeshSettings) -> str:
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind((settings.listen_host, settings.listen_port))
        except OSError as failure:
            return (failure.strerror or str(failure)).lower()
    return "gRPC refused the address"


def _advertised_host(settings: MeshSettings) -> str:
    if settings.advertise_host:
        return settings.advertise_host
    return socket.gethostname() if settings.listen_host in _WILDCARD_HOSTS else settings.listen_host

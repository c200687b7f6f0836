"""Connections to other processes of the mesh: generated stubs work on them and raise `ServiceError`.

A channel gives each call its deadline, its trace context and its caller's name, and rebuilds typed errors. It
wraps gRPC's channel instead of using gRPC's client interceptors: those cost a task for each link of each
call, and lose cancellations and errors of streams on the way.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from typing import Any, Self

import grpc

from services.mesh.background import start_background
from services.mesh.clock import Clock, SystemClock
from services.mesh.interceptors.authorisation import CALLER_KEY
from services.mesh.interceptors.deadline import Deadlines
from services.mesh.local import LocalNetwork
from services.mesh.outgoing import MeshStreamCalls, MeshUnaryCalls, Outgoing
from services.mesh.settings import MeshSettings

CLOSE_GRACE_S = 5.0
"""Seconds that running calls get when a channel is closed to make room."""
RETRY_PAUSE_MS_MIN = 5
"""Shortest first pause of a retry, milliseconds. With 1 ms, gRPC 1.85 forgets every other retry for good."""


class ChannelFactory:
    """Makes and keeps the channels of one caller."""

    def __init__(
        self,
        settings: MeshSettings,
        caller: str,
        *,
        clock: Clock | None = None,
        network: LocalNetwork | None = None,
    ) -> None:
        if clock is None:
            clock = SystemClock() if network is None else network.clock
        self._settings = settings
        self._network = network
        self._outgoing = Outgoing(Deadlines(settings, clock), (CALLER_KEY, caller))
        self._channels: OrderedDict[str, MeshChannel] = OrderedDict()

    def channel(self, address: str) -> grpc.aio.Channel:
        """The channel to an address, made when it is first asked for; it connects when it is first used."""
        channel = self._channels.get(address)
        if channel is not None:
            self._channels.move_to_end(address)
            return channel
        channel = self._channels[address] = MeshChannel(self._transport(address), self._outgoing)
        if len(self._channels) > self._settings.channels_max:
            _, unused = self._channels.popitem(last=False)
            start_background(unused.close(CLOSE_GRACE_S), "close channel")
        return channel

    async def close(self) -> None:
        """Closes all channels; running calls are cancelled."""
        channels = list(self._channels.values())
        self._channels.clear()
        await asyncio.gather(*(channel.close() for channel in channels))

    def _transport(self, address: str) -> grpc.aio.Channel:
        if self._network is not None:
            return self._network.channel(address)
        return grpc.aio.insecure_channel(address, options=_options(self._settings))


class MeshChannel(grpc.aio.Channel):
    """A channel whose calls follow the rules of the mesh. Generated stubs take it like any other."""

    def __init__(self, transport: grpc.aio.Channel, outgoing: Outgoing) -> None:
        self._transport = transport
        self._outgoing = outgoing

    def unary_unary(self, method: str, *serializers: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`."""
        return MeshUnaryCalls(
            method, self._transport.unary_unary(method, *serializers, **options), self._outgoing
        )

    def unary_stream(self, method: str, *serializers: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`."""
        return MeshStreamCalls(
            method, self._transport.unary_stream(method, *serializers, **options), self._outgoing
        )

    def stream_unary(self, method: str, *serializers: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`."""
        return MeshStreamCalls(
            method, self._transport.stream_unary(method, *serializers, **options), self._outgoing
        )

    def stream_stream(self, method: str, *serializers: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`."""
        return MeshStreamCalls(
            method, self._transport.stream_stream(method, *serializers, **options), self._outgoing
        )

    async def close(self, grace: float | None = None) -> None:
        """Closes the connection after `grace` seconds for running calls."""
        await self._transport.close(grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - grpc's signature
        """See `grpc.aio.Channel`."""
        return self._transport.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """See `grpc.aio.Channel`."""
        await self._transport.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Waits until the connection stands."""
        await self._transport.channel_ready()


def _options(settings: MeshSettings) -> list[tuple[str, int | str]]:
    return [
        ("grpc.service_config", _service_config(settings)),
        ("grpc.enable_retries", 1),
        ("grpc.enable_channelz", 1),
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        ("grpc.keepalive_time_ms", settings.keepalive_ms),
        ("grpc.keepalive_timeout_ms", settings.keepalive_timeout_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # A restarted neighbour is back within seconds; gRPC's own pauses grow to minutes.
        ("grpc.initial_reconnect_backoff_ms", max(100, settings.backoff_ms_min)),
        ("grpc.min_reconnect_backoff_ms", max(100, settings.backoff_ms_min)),
        ("grpc.max_reconnect_backoff_ms", max(100, settings.backoff_ms_max)),
    ]


def _service_config(settings: MeshSettings) -> str:
    """Retries what met UNAVAILABLE. Every mutation of the contracts is idempotent, so every method may be."""
    policy = {
        "maxAttempts": settings.retry_attempts_max,
        "initialBackoff": f"{max(RETRY_PAUSE_MS_MIN, settings.backoff_ms_min) / 1000:g}s",
        "maxBackoff": f"{max(RETRY_PAUSE_MS_MIN, settings.backoff_ms_max) / 1000:g}s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})

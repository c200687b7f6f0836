"""A network that loses, delays and breaks off, as its seed has it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import grpc

from services.mesh.clock import Clock
from services.mesh.local import LocalNetwork
from services.mesh.local_call import LocalCall

STREAMS = frozenset(
    {
        "ReadEvents",
        "ReadPersons",
        "WatchStocks",
        "ClaimBatch",
        "WatchRevocations",
        "WatchInbox",
        "WatchFigures",
    }
)
"""Calls without a deadline: what is lost on them shows as a broken connection, as TCP has it."""

SILENCE_S = 13.0
"""After this, keepalive finds a dead connection: `keepalive_ms` and `keepalive_timeout_ms`, seconds."""


@dataclass(slots=True)
class Weather:
    """How bad it is, in chances of each call."""

    draw: random.Random
    is_calm: bool = True
    """In calm weather everything arrives, at once."""
    request_loss: float = 0.04
    response_loss: float = 0.04
    delay: float = 0.15
    """The chance of a delay of up to `delay_s_max`."""
    delay_s_max: float = 0.3
    long_delay: float = 0.01
    long_delay_s_max: float = 3.0
    stream_life_s: float = 10.0
    """How long a stream lives on average before it is broken off, seconds."""
    unreachable: set[str] = field(default_factory=set)
    """Addresses that nothing reaches at the moment."""
    events: Counter[str] = field(default_factory=Counter)
    """What happened how often."""

    def happens(self, what: str, chance: float) -> bool:
        """Rolls the dice, and counts."""
        if self.is_calm or self.draw.random() >= chance:
            return False
        self.events[what] += 1
        return True


class UnreliableNetwork(LocalNetwork):
    """A local network in any weather."""

    def __init__(self, clock: Clock, weather: Weather) -> None:
        super().__init__(clock, self._on_the_way)
        self.weather = weather

    def begin(self, address: str, call: LocalCall) -> Any:
        """See `LocalNetwork.begin`."""
        handler = super().begin(address, call)
        if handler is None or self.weather.is_calm:
            return handler
        if _name(call.method) in STREAMS:
            alarm = asyncio.ensure_future(self._break_off(call, address))
            call.add_done_callback(lambda _: alarm.cancel())
            return handler
        return self._may_lose_its_answer(handler)

    async def isolate(self, address: str, seconds: float) -> None:
        """Lets nothing through to an address for a while; streams to it break."""
        self.weather.unreachable.add(address)
        for call in tuple(self._calls.get(address, ())):
            if _name(call.method) in STREAMS:
                call.fail(grpc.StatusCode.UNAVAILABLE, "connection lost")
        await self.clock.sleep(seconds)
        self.weather.unreachable.discard(address)

    async def _on_the_way(self, address: str, method: str) -> None:
        weather = self.weather
        if weather.is_calm:
            return
        is_stream = _name(method) in STREAMS
        if address in weather.unreachable or weather.happens("request lost", weather.request_loss):
            await self._lose(is_noticed=is_stream or weather.draw.random() < 0.5)
        if weather.happens("delayed", weather.delay):
            await self.clock.sleep(weather.draw.uniform(0, weather.delay_s_max))
        if weather.happens("much delayed", weather.long_delay):
            await self.clock.sleep(weather.draw.uniform(0, weather.long_delay_s_max))

    def _may_lose_its_answer(self, handler: Any) -> Any:
        async def behaviour(request: Any, context: Any) -> Any:
            response = await handler.unary_unary(request, context)
            if self.weather.happens("response lost", self.weather.response_loss):
                await self._lose(is_noticed=self.weather.draw.random() < 0.5)
            return response

        return grpc.unary_unary_rpc_method_handler(  # type: ignore[no-untyped-call]  # grpc has no types
            behaviour, handler.request_deserializer, handler.response_serializer
        )

    async def _lose(self, *, is_noticed: bool) -> None:
        """The connection breaks, at once or after a silence that outlasts most callers."""
        if not is_noticed:
            await self.clock.sleep(SILENCE_S)
        raise grpc.aio.AioRpcError(
            grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "connection lost"
        )

    async def _break_off(self, call: LocalCall, address: str) -> None:
        weather = self.weather
        await self.clock.sleep(weather.draw.expovariate(1 / weather.stream_life_s))
        if not weather.is_calm:
            weather.events["stream broken off"] += 1
            call.fail(grpc.StatusCode.UNAVAILABLE, f"connection to {address} lost")


def _name(method: str) -> str:
    return method.rpartition("/")[2]

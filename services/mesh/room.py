"""Rooms of a service: what one subject of it brings to the process that serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.mesh.background import start_background
from services.mesh.server import Service


@dataclass(frozen=True, slots=True)
class Room:
    """One subject of a service: its contract services, and the work that goes on beside them."""

    services: tuple[Service, ...]
    tasks: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=dict)
    """Coroutine functions by a name for logs. Each runs from the start to the end of the process."""


def services_of(rooms: Sequence[Room]) -> tuple[Service, ...]:
    """The contract services of all rooms."""
    return tuple(service for room in rooms for service in room.services)


@asynccontextmanager
async def at_work(rooms: Sequence[Room]) -> AsyncIterator[None]:
    """Runs the rooms' tasks for as long as the block lasts; waits until all have ended."""
    running = [start_background(run(), name) for room in rooms for name, run in room.tasks.items()]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

"""How apps call: as whoever holds the phone, and again when the mesh is busy."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from services.cli.gala.crowd import patiently
from services.cli.gala.people import Player
from services.cli.gala.players import CALL_TIMEOUT_S

R = TypeVar("R")


async def called(player: Player, method: Callable[..., Awaitable[R]], request: Any) -> R:
    """A call as the player."""
    return await patiently(lambda: method(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S))


async def proven(method: Callable[..., Awaitable[R]], request: Any) -> R:
    """A call that proves the account by itself."""
    return await patiently(lambda: method(request, timeout=CALL_TIMEOUT_S))


def new_request_id() -> str:
    """What makes repeating a call safe."""
    return str(uuid.uuid4())

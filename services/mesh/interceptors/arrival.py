"""The metadata of a call, read once: gRPC makes all of it anew, at 2 µs, whenever it is asked.

It makes it for the look-up of the handler in any case; what is noted there serves everybody after that.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

Metadata = Iterable[tuple[str, Any]]
"""Keys and values; a value is bytes when its key ends in `-bin`."""

# gRPC looks a handler up in the task that then runs it, so this is the metadata of the call at hand.
_arrived: ContextVar[Metadata | None] = ContextVar("arrived_metadata", default=None)


def note_arrival(metadata: Metadata) -> None:
    """Keeps the metadata of the call that the current task has begun to work on."""
    _arrived.set(metadata)


def metadata_of(context: Any) -> Metadata:
    """The metadata of a call, by its handler's context; the handler's own task must ask."""
    return _arrived.get() or context.invocation_metadata() or ()

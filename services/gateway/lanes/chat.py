"""What people tell each other."""

from __future__ import annotations

from services.gateway.lanes.grounds import Grounds


def chat(on: Grounds) -> tuple[object, ...]:  # noqa: ARG001 - what it is built on, as every lane
    """The servicers of chat."""
    return ()

"""What people tell each other."""

from __future__ import annotations

from services.gateway import api
from services.gateway.adapters.circles import CircleClient
from services.gateway.adapters.messages import MessageClient
from services.gateway.lanes.grounds import Grounds


def chat(on: Grounds) -> tuple[object, ...]:
    """The servicers of chat."""
    settings, limits = on.settings, on.bulkheads
    messages = MessageClient(
        on.forwarding,
        on.clock,
        backoff_ms_min=settings.backoff_ms_min,
        backoff_ms_max=settings.backoff_ms_max,
    )
    return (
        api.MessageServicer(
            on.tokens,
            messages,
            limits.chat,
            limits.inboxes,
            on.clock,
            look_ms=settings.gateway_inbox_token_look_ms,
        ),
        api.CircleServicer(on.tokens, CircleClient(on.forwarding), limits.chat),
    )

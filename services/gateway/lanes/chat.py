"""What people tell each other."""

from __future__ import annotations

from services.gateway import api
from services.gateway.adapters.circles import CircleClient
from services.gateway.adapters.messages import MessageClient
from services.gateway.lanes.grounds import Grounds


def chat(on: Grounds) -> tuple[object, ...]:
    """The servicers of chat."""
    settings, limit, person = on.settings, on.bulkheads.chat, on.person
    messages = MessageClient(
        on.forwarding,
        on.clock,
        backoff_ms_min=settings.backoff_ms_min,
        backoff_ms_max=settings.backoff_ms_max,
    )
    return (
        api.MessageServicer(
            on.tokens,
            person.chat,
            messages,
            limit,
            person.inboxes,
            on.clock,
            look_ms=settings.gateway_inbox_token_look_ms,
        ),
        api.CircleServicer(on.tokens, person.chat, CircleClient(on.forwarding), limit),
    )

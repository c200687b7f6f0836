"""How many calls about messages are worked on at once: the rest is for relations and groups."""

from __future__ import annotations

from services.mesh.admission import Admission
from services.mesh.errors import ServiceError
from services.social.domain.chat.errors import ChatOverloaded

RETRY_DELAY_MS = 200
"""When who found no place may come again, milliseconds."""


class Places(Admission):
    """Counts calls of chat. `enter` raises `ChatOverloaded` when there are as many as may be."""

    def __init__(self, calls_max: int) -> None:
        super().__init__("chat", calls_max, RETRY_DELAY_MS)

    def crowded(self, _calls_max: int, retry_delay_ms: int) -> ServiceError:
        """See `Admission.crowded`."""
        return ChatOverloaded("social_chat_calls_max", wait_ms=0, retry_delay_ms=retry_delay_ms)

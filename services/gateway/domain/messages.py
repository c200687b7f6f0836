"""What the gateway needs from outside when people write to each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from services.gateway.domain.ports import Message


class Messages(Protocol):
    """Social, on behalf of a person: what people tell each other."""

    async def send(self, person_id: int, request: Message) -> Message:
        """See `MessageService.SendMessage`."""
        ...

    async def read_inbox(self, person_id: int, request: Message) -> Message:
        """See `MessageService.ReadInbox`."""
        ...

    def watch(self, person_id: int, request: Message) -> AsyncGenerator[Message]:
        """See `MessageService.WatchInbox`. Raises in iteration."""
        ...

    async def list_messages(self, person_id: int, request: Message) -> Message:
        """See `MessageService.ListMessages`."""
        ...

    async def list_conversations(self, person_id: int, request: Message) -> Message:
        """See `MessageService.ListConversations`."""
        ...

    async def mark_read(self, person_id: int, request: Message) -> Message:
        """See `MessageService.MarkRead`."""
        ...

"""What the gateway needs from outside about cases."""

from __future__ import annotations

from typing import Protocol

from services.gateway.domain.ports import Message


class Cases(Protocol):
    """Identity's cases. `language` is the caller's `accept-language`, or empty."""

    async def get(self, request: Message, language: str) -> Message:
        """See `CaseService.GetCase`."""
        ...

    async def list_of_account(self, request: Message, language: str) -> Message:
        """See `CaseService.ListCases`."""
        ...

    async def add(self, request: Message, language: str) -> Message:
        """See `CaseService.AddToCase`."""
        ...

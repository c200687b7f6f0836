"""What the gateway needs from outside when people ask about their own data."""

from __future__ import annotations

from typing import Protocol

from services.gateway.domain.ports import Message


class Privacy(Protocol):
    """Identity's word on what is kept of people. `language` is the caller's `accept-language`, or empty."""

    async def request_erasure(self, request: Message, language: str) -> Message:
        """See `PrivacyService.RequestErasure`."""
        ...

    async def get_erasure(self, request: Message, language: str) -> Message:
        """See `PrivacyService.GetErasure`."""
        ...

    async def export_personal_data(self, request: Message, language: str) -> Message:
        """See `PrivacyService.ExportPersonalData`."""
        ...

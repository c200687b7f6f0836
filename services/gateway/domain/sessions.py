"""What the gateway needs from outside when sessions go on and end."""

from __future__ import annotations

from typing import Protocol

from services.gateway.domain.ports import Message


class Sessions(Protocol):
    """Identity's sessions, on behalf of an account."""

    async def refresh(self, request: Message) -> Message:
        """See `SessionService.RefreshToken`."""
        ...

    async def revoke(self, account_id: int, session_id: int) -> Message:
        """See `SessionService.RevokeSession`."""
        ...

    async def revoke_all(self, account_id: int, kept_session_id: int) -> Message:
        """See `SessionService.RevokeAllSessions`; 0 keeps none."""
        ...

    async def list_of_account(self, account_id: int, current_id: int, request: Message) -> Message:
        """See `SessionService.ListSessions`."""
        ...

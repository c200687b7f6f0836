"""What the gateway asks about invitations."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message


class Invitations(Protocol):
    """Social, on behalf of a person: who invites whom into a campaign."""

    async def create(self, person_id: int, request: Message) -> Message:
        """See `InvitationService.CreateInvitation`."""
        ...

    async def accept(self, person_id: int, request: Message) -> Message:
        """See `InvitationService.AcceptInvitation`."""
        ...

    async def list_invited(self, person_id: int, request: Message) -> Message:
        """See `InvitationService.ListInvited`."""
        ...

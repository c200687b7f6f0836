"""What the gateway needs of social for people around the caller, and for coming into groups."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message


class Neighbours(Protocol):
    """People around a person."""

    async def mutual_friends(self, person_id: int, request: Message) -> Message:
        """See `SuggestionService.ListMutualFriends`."""
        ...

    async def suggestions(self, person_id: int, request: Message) -> Message:
        """See `SuggestionService.GetSuggestions`."""
        ...


class GroupDoors(Protocol):
    """Who comes into groups, and who leads them, on behalf of a person."""

    async def invite(self, person_id: int, request: Message) -> Message:
        """See `GroupService.InviteMember`."""
        ...

    async def accept(self, person_id: int, request: Message) -> Message:
        """See `GroupService.AcceptGroupInvitation`."""
        ...

    async def decline(self, person_id: int, request: Message) -> Message:
        """See `GroupService.DeclineGroupInvitation`."""
        ...

    async def list_invitations(self, person_id: int, request: Message) -> Message:
        """See `GroupService.ListGroupInvitations`."""
        ...

    async def set_role(self, person_id: int, request: Message) -> Message:
        """See `GroupService.SetGroupRole`."""
        ...

    async def hand_over(self, person_id: int, request: Message) -> Message:
        """See `GroupService.HandOverGroup`."""
        ...
